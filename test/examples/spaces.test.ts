import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countParameters, defineEvaluator, openRuns, readSpace, run } from '../../runs/library/index.ts';
import { commandLine } from '../runs/cli/command-line.ts';
import { newDatabase } from '../runs/harness.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');
const files = readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'));

/** A loss from the number of parameters, so that a whole search takes no time. */
const formula = () =>
  defineEvaluator({
    train: ({ architecture, rung }) => 1 + 30 / Math.sqrt(countParameters(architecture)) + 0.2 / (rung + 1),
  });

describe.each(files)('examples/%s', (file) => {
  const path = join(EXAMPLES, file);

  it('says what it is for, and where editors find its schema', () => {
    const [schema, purpose] = readFileSync(path, 'utf8').split('\n');
    expect(schema).toBe('# yaml-language-server: $schema=../schema/space.schema.json');
    expect(purpose).toMatch(/^# \S/);
  });

  it('is valid, admits a sensible share of its members, and constrains something', async () => {
    const { exitCode, stdout } = await commandLine('check', path, '--no-timing', '--json');
    expect(exitCode).toBe(0);
    const { admittedShare, rejections } = JSON.parse(stdout);
    expect(admittedShare).toBeGreaterThan(0.1);
    const own = rejections.filter(
      ({ constraint }: { constraint: string }) => !constraint.includes('fits into'),
    );
    for (const { constraint, rejectedShare } of own) {
      // A limit on the loss is only known after training.
      if (!constraint.startsWith('loss')) expect(rejectedShare, constraint).toBeGreaterThan(0);
    }
  });

  it('searches to a front', async () => {
    const { spec, ...space } = readSpace(path);
    const { eta } = spec.search;
    const candidates = Math.max(4, eta ** (spec.training.rungs.length - 1));
    const search = { ...spec.search, candidates, population: Math.min(4, candidates) };
    const { teacher: _, ...training } = spec.training;
    const database = newDatabase();
    const small = { ...space, spec: { ...spec, search, training } };
    const { kind } = await run(small, { database, evaluator: formula() }).outcome;
    expect(kind).toBe('finished');
    expect(openRuns(database).front()!.rung).toBe(spec.training.rungs.length - 1);
  });
});

it('are all in the README', () => {
  const readme = readFileSync(join(EXAMPLES, '../README.md'), 'utf8');
  expect(files.filter((file) => !readme.includes(`(examples/${file})`))).toEqual([]);
});
