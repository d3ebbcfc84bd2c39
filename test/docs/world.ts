// The reader's folder: what somebody has who follows the documentation from its first line, in a size that trains in
// seconds.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CommandResult, commandLine } from '../runs/cli/command-line.ts';
import { ROOT } from './blocks.ts';
import type { ShellLine } from './shell.ts';

/** What stands in for the starter file once `init` has written it: the same kinds of keys, and no waiting. */
const TINY = `specVersion: 1
name: space
task: { corpus: texts/*.txt, contextLength: 32, validationShare: 0.2 }
space:
  dModel: [16, 32]
  headDim: 8
  depth: { min: 3, max: 4 }
  layers: { nHeads: [2, 4], nKvHeads: [1, 2], dFf: [32, 64] }
deployment: { weightFormat: { choices: [fp16, mxfp6-e2m3, mxfp4-e2m1], perLayer: true }, sparsity: [0, 0.5] }
scale: { width: 32, heads: 8, vocabSize: 32000, contextLength: 4096 }
accelerator: qualcomm-ai100-ultra
workload: { batch: 1, promptTokens: 1024, generatedTokens: 256 }
search: { algorithm: nsga2, candidates: 14, population: 6, lag: 4 }
training: { rungs: [6, 12], warmupSteps: 2, batch: 4, evaluationTokens: 1024, learningRate: 0.02 }
`;

const LLAMA = {
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  vocab_size: 32_000,
  max_position_embeddings: 4096,
};

const ROWS = `config,prompt,batch,generate,metric,value
config.json,512,1,128,decodeSecondsPerToken,0.0061
config.json,1024,1,128,decodeSecondsPerToken,0.0062
config.json,512,4,128,decodeSecondsPerToken,0.0064
draft.json,512,1,128,decodeSecondsPerToken,0.0017
draft.json,1024,1,128,decodeSecondsPerToken,0.0017
draft.json,512,4,128,decodeSecondsPerToken,0.0018
`;

export interface World {
  readonly folder: string;
  /** Carries one command of the program out, in the folder. */
  readonly perform: (line: ShellLine) => Promise<CommandResult>;
}

/** A folder with texts and models, and nothing searched yet. The process stays in it: one world a test file. */
export function enterWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-docs-'));
  for (const name of ['texts', 'runs']) mkdirSync(join(folder, name));
  for (const n of [1, 2, 3]) writeFileSync(join(folder, 'texts', `${n}.txt`), prose(n));
  writeFileSync(join(folder, 'book.txt'), prose(4));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(LLAMA));
  const draft = {
    ...LLAMA,
    hidden_size: 768,
    intermediate_size: 2048,
    num_hidden_layers: 6,
    num_attention_heads: 12,
  };
  writeFileSync(join(folder, 'draft.json'), JSON.stringify(draft));
  writeFileSync(join(folder, 'rows.csv'), ROWS);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules', 'paretoformer'));
  process.chdir(folder);
  return {
    folder,
    perform: async ({ words: [program, ...argv], into }) => {
      if (program !== 'paretoformer') throw new Error(`not a command of ours: ${program}`);
      // Twice the same line of a page means the same file twice.
      const again =
        ['init', 'export', 'compress', 'calibrate', 'optuna-export'].includes(argv[0]!) &&
        !argv.includes('--force');
      const ending = argv[0] === 'serve' ? interruptSoon() : undefined;
      // The port that it has by default may be taken by somebody's own pages.
      const elsewhere = argv[0] === 'serve' && !argv.includes('--port');
      const more = [...(again ? ['--force'] : []), ...(elsewhere ? ['--port', '0'] : [])];
      const result = await commandLine(...argv, ...more);
      await ending;
      if (into !== undefined) {
        const file = join(folder, into.replace(/^~/, 'home'));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, result.stdout);
      }
      if (argv[0] === 'init' && result.exitCode === 0) writeFileSync(argv[1] ?? 'paretoformer.yaml', TINY);
      if (argv[0] === 'run') keepWeights(folder);
      return result;
    },
  };
}

/** Somebody who has seen enough of the live page. */
async function interruptSoon(): Promise<void> {
  while (process.listenerCount('SIGINT') === 0) await new Promise((next) => setTimeout(next, 20));
  process.emit('SIGINT');
}

/** Weights under the name that the documentation gives to a file of one's own. */
function keepWeights(folder: string): void {
  const [checkpoints] = readdirSync(folder).filter((name) => name.endsWith('.checkpoints'));
  const [run] = readdirSync(join(folder, checkpoints!));
  const weights = readdirSync(join(folder, checkpoints!, run!)).find((name) => name.endsWith('.safetensors'));
  copyFileSync(join(folder, checkpoints!, run!, weights!), join(folder, 'model.safetensors'));
}

const WORDS = 'the state of our union is strong and we are working to make it better for all people'.split(
  ' ',
);

function prose(seed: number): string {
  let state = seed;
  const next = (n: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  const sentence = () => `${Array.from({ length: 5 + next(9) }, () => WORDS[next(WORDS.length)]).join(' ')}.`;
  return Array.from({ length: 120 }, () => Array.from({ length: 3 }, sentence).join(' ')).join('\n\n');
}
