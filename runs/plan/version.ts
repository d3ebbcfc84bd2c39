// Versions of this package and of what decides its results.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ENGINE_PACKAGE } from '../../evaluators/engine/packages.ts';
import type { EngineName } from '../../space/engine-spec.ts';

/** The version of this package, from source as from the build. */
export function packageVersion(): string {
  const candidates = ['../../package.json', '../../../package.json'].map(
    (path) => new URL(path, import.meta.url),
  );
  const file = candidates.find((path) => existsSync(path));
  if (file === undefined) throw new Error('package.json is missing');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Rises where a stored run would go on differently from how it began: resuming it would mix two runs. */
export const RUN_FORMAT = '3';

/** What is stored with a run, for those who want to repeat it. */
export function decisiveVersions(engine: EngineName): Record<string, string> {
  const name = ENGINE_PACKAGE[engine];
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
  return {
    paretoformer: packageVersion(),
    runFormat: RUN_FORMAT,
    node: process.versions.node,
    [name]: version,
  };
}
