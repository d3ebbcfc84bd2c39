// `init`: a starter file with every key that a newcomer wants to change.
import { existsSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { type CommonOptions, print, printJson, UsageError, writeResult } from './terminal.ts';

interface InitOptions extends CommonOptions {
  readonly force?: boolean;
  readonly corpus?: string;
  readonly accelerator?: string;
}

const EXAMPLES = `
Examples:
  paretoformer init                     writes paretoformer.yaml
  paretoformer init space.yaml          then edit it, and: paretoformer check space.yaml
  paretoformer init space.yaml --corpus book.txt --accelerator nvidia-h100-sxm`;

export function addInit(program: Command): void {
  program
    .command('init')
    .description('write a commented starter file')
    .argument('[file]', 'where to write it', 'paretoformer.yaml')
    .option('--corpus <file>', 'text to train on: a file, or a quoted glob such as "texts/*.txt"')
    .option('--accelerator <name>', "what the models are for; 'paretoformer hardware list' shows those known")
    .option('-f, --force', 'replace a file that is there')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, _options, command: Command) => {
      const { json, force, corpus, accelerator } = command.optsWithGlobals<InitOptions>();
      if (existsSync(file) && force !== true) {
        throw new UsageError(`${file} is there already; --force replaces it, or name another file`);
      }
      const text = starterFile(basename(file, extname(file)), {
        ...(corpus === undefined ? {} : { corpus: await corpusFrom(corpus, dirname(file)) }),
        ...(accelerator === undefined
          ? {}
          : { accelerator: await acceleratorFrom(accelerator, dirname(file)) }),
      });
      writeResult(file, text);
      if (json === true) printJson({ file });
      else print(`wrote ${file}; next: paretoformer check ${file}`);
    });
}

/** Checks that there is such a text. @returns it as a file in `folder` names it */
async function corpusFrom(source: string, folder: string): Promise<string> {
  const { isBuiltInCorpus, loadCorpus } = await import('../../evaluators/data/corpus.ts');
  loadCorpus(source, process.cwd());
  return isBuiltInCorpus(source) ? source : pathFrom(folder, source);
}

/** Checks that it is known. @returns it as a file in `folder` names it */
async function acceleratorFrom(nameOrPath: string, folder: string): Promise<string> {
  const { listAccelerators, loadAccelerator } = await import('../../hardware/load-accelerator.ts');
  loadAccelerator(nameOrPath);
  return listAccelerators().includes(nameOrPath) ? nameOrPath : pathFrom(folder, nameOrPath);
}

/** A path, which was meant from here, as it reads from a folder; absolute ones stay. */
function pathFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : relative(resolve(folder), resolve(path)).split(sep).join('/');
}

interface Starter {
  readonly corpus?: string;
  readonly accelerator?: string;
}

/** The starter file; it is valid as it stands. */
export function starterFile(name: string, { corpus, accelerator }: Starter = {}): string {
  const corpusLine =
    corpus === undefined
      ? 'sotu # sotu, moby-dick, or your own text: a file or a glob such as texts/*.txt'
      : `${stringify(corpus).trimEnd()} # a file, a glob such as texts/*.txt, or sotu, which is built in`;
  return `# A search space for Paretoformer: edit, then 'paretoformer check' and 'paretoformer run' this file.
specVersion: 1
name: ${JSON.stringify(name.slice(0, 100) || 'search')}
seed: 1 # the same seed gives the same run

task:
  corpus: ${corpusLine}
  validationShare: 0.05 # of the documents
  tokenizer: bytes # or {bpe: {vocabSize: 512}}: byte pairs learnt from the corpus
  contextLength: 128

space: # the models that are trained here
  dModel: [64, 96, 128] # a value, a list, or {min, max, step}
  headDim: [16, 32]
  tieEmbeddings: true
  depth: { min: 2, max: 6 }
  layers: # every layer chooses for itself
    nHeads: [2, 4] # 0 = attention left out
    nKvHeads: [1, 2, 4] # a layer only uses divisors of its nHeads
    dFf: [0, 128, 256, 384] # 0 = feed-forward left out

deployment: # how they would be served: the loss is measured on the pruned and cast weights
  weightFormat: { choices: [fp16, mxfp6-e2m3, mxfp4-e2m1], perLayer: true }
  sparsity: [0, 0.5]
  kvCacheFormat: [fp16, mxint8]
  cards: [1, 2]

# Costs are those of a larger relative: widths x32, heads x8, its own vocabulary and context. Leave it out to
# cost the small models themselves.
scale: { width: 32, heads: 8, vocabSize: 32000, contextLength: 4096 }
accelerator: ${accelerator === undefined ? 'qualcomm-ai100-ultra' : stringify(accelerator).trimEnd()} # 'paretoformer hardware list' shows those known, or your own file
workload: { batch: 1, promptTokens: 1024, generatedTokens: 256 }

objectives: [loss, decodeLatency] # also memory, throughput, energy, price, prefillLatency, parameters ...
constraints: # what breaks one is never trained
  - memory <= 768 MiB
  # - decodeLatency <= 20 ms
  # - loss <= 1.02 * baseline    # needs a baseline, for example:
# baseline: { dModel: 128, headDim: 32, depth: 6, layer: { nHeads: 4, nKvHeads: 4, dFf: 384 } }

search:
  algorithm: guided # a forecast of the loss chooses what is trained
  candidates: 32 # distinct candidates that are trained at the lowest rung
  population: 8
  eta: 3 # training enough for one in three to climb to the next rung

training:
  rungs: [150, 450] # optimiser steps
  batch: 8 # sequences of contextLength tokens
  learningRate: 0.003
  warmupSteps: 20

compression:
  method: magnitude # or wanda, sparsegpt
  recoverySteps: 0 # steps of fine-tuning after pruning and casting

# engine: { name: onnx, provider: cpu } # or tensorflow, wasm, cpu; onnx also on cuda and webgpu
# workers: { maxThreads: 2 } # one for each core by default
`;
}
