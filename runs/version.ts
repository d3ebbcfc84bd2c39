// Versions of this package and of what decides its results.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The version of this package, from source as from the build. */
export function packageVersion(): string {
  const candidates = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url));
  const file = candidates.find((path) => existsSync(path));
  if (file === undefined) throw new Error('package.json is missing');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What is stored with a run, for those who want to repeat it. */
export function decisiveVersions(): Record<string, string> {
  const engine = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return { paretoformer: packageVersion(), node: process.versions.node, 'onnxruntime-node': engine.version };
}
