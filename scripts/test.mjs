// Runs the tests and ends with one line that any runner can read: 'tests: N passed, N failed'.
// `--full` adds the slow proofs (*.full.test.ts); other arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
const full = process.argv.includes('--full');
const rest = process.argv.slice(2).filter((argument) => argument !== '--full');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const folder = mkdtempSync(join(tmpdir(), 'paretoformer-tests-'));
const report = join(folder, 'report.json');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...rest],
  { stdio: 'inherit', env: { ...process.env, ...(full ? { FULL_TESTS: '1' } : {}) } },
);
let summary = { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 1 };
try {
  summary = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  // No report: vitest itself failed, which counts as one failure.
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A file that does not load has no tests to fail; it counts as one.
const failed = summary.numFailedTests || (status === 0 ? 0 : Math.max(1, summary.numFailedTestSuites));
console.log(`tests: ${summary.numPassedTests} passed, ${failed} failed`);
process.exit(status === 0 && failed === 0 && summary.numPassedTests > 0 ? 0 : 1);
