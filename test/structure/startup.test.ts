// What a command reads before it does anything decides how it feels: those that only look at the database must not
// pull in the engine, the schema or the parser.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Packages that are reached from a file by imports that are followed before it runs. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, kind, specifier] of text.matchAll(/^(import|export)\b(?! type\b)[^;]*?from '([^']+)';/gm)) {
    expect(kind).toBeDefined();
    if (!specifier!.startsWith('.')) packages.add(specifier!);
    else for (const each of packagesOf(resolve(dirname(file), specifier!), seen)) packages.add(each);
  }
  return packages;
}

const HEAVY = ['@tensorflow/tfjs', 'onnxruntime-node', 'piscina', 'zod', 'yaml', 'hono'];

it.each(['main', 'list', 'front', 'pick', 'compare', 'completion'])('%s starts light', (name) => {
  const packages = [...packagesOf(join(root, `runs/cli/${name}.ts`))];
  expect(packages.filter((each) => HEAVY.includes(each))).toEqual([]);
});

it.each(['show', 'report'])('%s starts without the engine', (name) => {
  const packages = [...packagesOf(join(root, `runs/cli/${name}.ts`))];
  expect(packages).toContain('better-sqlite3');
  expect(packages.filter((each) => /tensorflow|onnxruntime|piscina/.test(each))).toEqual([]);
});
