// Options that choose what computes, shared by the commands that train.
import type { Command } from 'commander';
import { checkEngine } from '../../evaluators/index.ts';
import {
  ENGINE_NAMES,
  type EngineName,
  type EngineSpec,
  engineProblem,
  PROVIDERS,
  type Provider,
} from '../../space/engine-spec.ts';
import type { RunSpec } from '../../space/spec.ts';
import { withEngine } from '../plan/engine.ts';
import { oneOf } from './serving.ts';
import { UsageError, wholeNumber } from './terminal.ts';

export interface EngineOptions {
  readonly engine?: EngineName;
  readonly provider?: Provider;
  readonly engineThreads?: number;
}

export function addEngineOptions(command: Command): Command {
  return command
    .option('--engine <name>', `what computes, in place of the file's: ${ENGINE_NAMES.join(', ')}`, (text) =>
      oneOf(ENGINE_NAMES, text, '--engine'),
    )
    .option('--provider <name>', `where onnx computes: ${PROVIDERS.join(', ')}`, (text) =>
      oneOf(PROVIDERS, text, '--provider'),
    )
    .option('--engine-threads <n>', 'threads inside one operator of onnx', wholeNumber(1));
}

/**
 * The spec with the engine that the options ask for, tried out.
 * @throws {@link UsageError} where options contradict each other, EngineError where the engine does not work here
 */
export async function withWorkingEngine(spec: RunSpec, options: EngineOptions): Promise<RunSpec> {
  const { engine: name, provider, engineThreads: threads } = options;
  const asked: Partial<EngineSpec> = {
    ...(name === undefined ? {} : { name }),
    ...(provider === undefined ? {} : { provider }),
    ...(threads === undefined ? {} : { threads }),
  };
  const ready = withEngine(spec, asked);
  const problem = engineProblem(ready.engine);
  if (problem !== undefined) throw new UsageError(problem.message);
  await checkEngine(ready.engine);
  return ready;
}
