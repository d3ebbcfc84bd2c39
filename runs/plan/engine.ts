// The engine of a run: what its spec says, changed by what is asked for beside it.
import { DEFAULT_ENGINE, type EngineSpec } from '../../space/engine-spec.ts';
import type { RunSpec } from '../../space/spec.ts';

/** The engine of a stored spec; runs of before specs named one had the default. */
export const engineOf = ({ engine }: Partial<RunSpec>): EngineSpec => engine ?? DEFAULT_ENGINE;

/** `spec` with the engine that is asked for. Another name starts from its own defaults. */
export function withEngine(spec: RunSpec, asked: Partial<EngineSpec>): RunSpec {
  const own = engineOf(spec);
  const base = asked.name === undefined || asked.name === own.name ? own : DEFAULT_ENGINE;
  return { ...spec, engine: { ...base, ...asked } };
}

export const isSameEngine = (a: EngineSpec, b: EngineSpec): boolean =>
  a.name === b.name && a.provider === b.provider && a.threads === b.threads;
