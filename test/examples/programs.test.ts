import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRuns } from '../../runs/library/index.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');
const programs = readdirSync(EXAMPLES).filter((file) => file.endsWith('.mjs'));

/** Runs an example as its reader would, in an empty folder; imports of 'paretoformer' mean the sources. */
function runExample(file: string) {
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-example-'));
  const argv = ['--import', import.meta.resolve('tsx'), '--conditions=paretoformer-source'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...argv, join(EXAMPLES, file)], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return { stdout, runs: openRuns(join(folder, 'paretoformer.db')) };
}

describe('examples of code', () => {
  it.each(programs)('%s runs to a front', (file) => {
    const { stdout, runs } = runExample(file);
    expect(stdout).not.toContain('undefined');
    expect(runs.list()).toHaveLength(1);
    expect(runs.get()).toMatchObject({ state: 'finished' });
    expect(runs.front()!.members.length).toBeGreaterThan(0);
  });

  it('show a custom evaluator and a custom objective in under 30 lines each', () => {
    const [, evaluator] = /(const scalingLaw = [\s\S]*?\n}\);)/.exec(sourceOf('custom-evaluator.mjs'))!;
    const [, objective] = /(const carbon = [\s\S]*?\n}\);)/.exec(sourceOf('custom-objective.mjs'))!;
    expect(evaluator!.split('\n').length).toBeLessThan(30);
    expect(objective!.split('\n').length).toBeLessThan(30);
  });
});

function sourceOf(file: string): string {
  return readFileSync(join(EXAMPLES, file), 'utf8');
}
