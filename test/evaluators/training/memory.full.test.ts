// Memory of a worker over many candidates, and of one large candidate. Each runs in a process of its own.
import { fork } from 'node:child_process';
import { expect, test } from 'vitest';
import type { MemoryReport } from './memory-child.ts';

function report(mode: 'many' | 'large'): Promise<MemoryReport> {
  const child = fork(new URL('./memory-child.ts', import.meta.url), [mode], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message as MemoryReport));
    child.on('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
}

test('a process that trained 50 candidates holds no more than after 5', async () => {
  const { after5, after50 } = (await report('many')) as { after5: number; after50: number };
  // The runtime's own allocator settles within the first dozen; a leak of one candidate's memory would be 3 x.
  expect(after50).toBeLessThan(1.2 * after5);
});

test('a candidate of 10 M parameters trains in less than 1.5 GB', async () => {
  const { peak } = (await report('large')) as { peak: number };
  expect(peak).toBeLessThan(1.5e9);
});
