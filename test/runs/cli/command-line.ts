// The command line, inside the test's own process or as one of its own, with what it wrote and its exit code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { runCommandLine } from '../../../runs/cli/program.ts';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function commandLine(...argv: string[]): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    const exitCode = await runCommandLine(argv);
    process.exitCode = 0;
    return { exitCode, ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as a process; `onLine` sees what it says while it runs. */
export async function program(
  argv: readonly string[],
  onLine?: (line: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'runs/cli/main.ts', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    for (const line of String(chunk).split('\n')) onLine?.(line, (signal) => child.kill(signal));
  });
  const [exitCode, signal] = await closed;
  return { exitCode, signal, stdout, stderr };
}

const WORDS =
  'the of and to in a is that for it was on with as be by at from this have are which not or had'.split(' ');

/** Documents of made-up prose that a small model can learn something from. */
function text(nParagraphs: number): string {
  let state = 12345;
  const next = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  const sentence = () => `${Array.from({ length: 6 + next(9) }, () => WORDS[next(WORDS.length)]).join(' ')}.`;
  return Array.from({ length: nParagraphs }, () => Array.from({ length: 4 }, sentence).join(' ')).join(
    '\n\n',
  );
}

/** A folder with a corpus and a spec whose real trainings take well under a second. */
export function tinyProject(extra = ''): {
  readonly folder: string;
  readonly file: string;
  readonly db: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
  writeFileSync(join(folder, 'text.txt'), text(300));
  const file = join(folder, 'tiny.yaml');
  const yaml = `specVersion: 1
name: tiny
task: { corpus: text.txt, contextLength: 16, validationShare: 0.2 }
space:
  dModel: [8, 16]
  headDim: 4
  depth: { min: 1, max: 2 }
  layers: { nHeads: [1, 2], nKvHeads: [1, 2], dFf: [0, 16, 32] }
deployment: { weightFormat: [fp16, mxfp4-e2m1] }
scale: { width: 64, heads: 8, contextLength: 2048, vocabSize: 32000 }
accelerator: qualcomm-ai100-ultra
workload: { promptTokens: 64, generatedTokens: 32 }
search: { candidates: 7, population: 4, lag: 4 }
training: { rungs: [6, 16], warmupSteps: 2, batch: 4, evaluationTokens: 512, learningRate: 0.02 }
${extra}`;
  writeFileSync(file, yaml);
  return { folder, file, db: join(folder, 'runs.db') };
}
