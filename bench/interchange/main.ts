// npx tsx bench/interchange/main.ts [--python python3] [EXPORTED-FOLDER ...]
// Loads folders of `paretoformer export` in transformers, tokenizers and ONNX Runtime for Python, and compares logits
// and ids with those of this project. Without a folder: a set of small models with random weights, one of every form.
// Needs Python with: pip install torch transformers onnx onnxruntime (CPU builds are enough).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { float32Tensor, readSafetensors } from '../../evaluators/checkpoint/safetensors.ts';
import { type TokenizerJson, tokenizerFromJson } from '../../evaluators/data/tokenizer.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { logitsOf } from '../../evaluators/interchange/decoder-check.ts';
import { llamaName } from '../../evaluators/interchange/llama-tensors.ts';
import { readHuggingFaceTokenizer } from '../../evaluators/interchange/tokenizer-json.ts';
import { parameterSpecs } from '../../evaluators/model/parameters.ts';
import { modelFromHuggingFace } from '../../hardware/index.ts';
import { deriveRng } from '../../space/random.ts';
import { EXAMPLES, writeExample } from './examples.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', default: 'python3' } },
});

const TEXTS = [
  "Mr. Speaker, I don't   think we've 1,234 reasons.\n\n\tSo be it.",
  'naïve café, ☃ and 🎉; 日本語 \u00a0x',
  '\u0000\u0001control\r\n',
];

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** The model in a folder, from its files alone. */
function readModel(folder: string): LanguageModel {
  const architecture = modelFromHuggingFace(readJson(join(folder, 'config.json')));
  const file = readSafetensors(join(folder, 'model.safetensors'));
  const weights = parameterSpecs(architecture).map(({ name, shape }) => {
    const [rows, cols] = shape as [number, number?];
    if (cols === undefined || name === 'embedding')
      return [name, float32Tensor(file, llamaName(name), shape)];
    const turned = float32Tensor(file, llamaName(name), [cols, rows]);
    return [
      name,
      Float32Array.from({ length: rows * cols }, (_, i) => turned[(i % cols) * rows + Math.floor(i / cols)]!),
    ];
  });
  return { architecture, weights: Object.fromEntries(weights) };
}

async function requestOf(folder: string) {
  const model = readModel(folder);
  const { contextLength, vocabSize } = model.architecture;
  const rng = deriveRng(1, 0, 'interchange');
  const length = Math.min(48, contextLength);
  const tokens = Int32Array.from({ length: 2 * length }, () => rng.below(vocabSize));
  const logits = await logitsOf(model, { tokens, batch: 2 });
  const tokenizer = tokenizerFromJson(
    readHuggingFaceTokenizer(readJson(join(folder, 'tokenizer.json'))) as TokenizerJson,
  );
  const texts = TEXTS.map((text) => ({ text, ids: [...tokenizer.encode(Buffer.from(text))] }));
  return { folder, batch: 2, tokens: [...tokens], logits: [...logits], texts };
}

/** Runs the Python side on one folder; its lines are the findings. */
async function check(folder: string): Promise<boolean> {
  const script = fileURLToPath(new URL('./check.py', import.meta.url));
  const input = JSON.stringify(await requestOf(folder));
  const { status, error } = spawnSync(values.python, [script], {
    input,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
  });
  if (error !== undefined) throw new Error(`${values.python} does not run here: ${error.message}`);
  return status === 0;
}

function requirePython(): void {
  const probe = 'import torch, transformers, tokenizers, onnx, onnxruntime';
  const { status } = spawnSync(values.python, ['-c', probe], { stdio: 'ignore' });
  if (status === 0) return;
  console.error(
    `skipped: ${values.python} with torch, transformers, onnx and onnxruntime is not installed here`,
  );
  process.exit(0);
}

requirePython();
const own = mkdtempSync(join(tmpdir(), 'paretoformer-interchange-'));
let failed = 0;
try {
  const folders = positionals.flatMap((folder) =>
    [folder, join(folder, 'uniform')].filter((each) => existsSync(join(each, 'model.safetensors'))),
  );
  if (positionals.length === 0) {
    for (const name of Object.keys(EXAMPLES)) {
      const folder = join(own, name);
      mkdirSync(folder);
      await writeExample(folder, name);
      folders.push(folder);
    }
  }
  for (const folder of folders) if (!(await check(folder))) failed++;
  console.log(`${folders.length - failed} of ${folders.length} folders are right`);
} finally {
  rmSync(own, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
