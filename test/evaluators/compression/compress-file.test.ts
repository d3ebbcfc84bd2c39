import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CheckpointError } from '../../../evaluators/checkpoint/checkpoint-error.ts';
import {
  float32Tensor,
  readSafetensors,
  writeSafetensors,
} from '../../../evaluators/checkpoint/safetensors.ts';
import { writeCheckpoint } from '../../../evaluators/checkpoint/training-checkpoint.ts';
import { castModel } from '../../../evaluators/compression/cast-model.ts';
import { chooseTensor } from '../../../evaluators/compression/file/choose-tensors.ts';
import {
  compressFile,
  compressSteps,
  type FileCompression,
} from '../../../evaluators/compression/file/compress-file.ts';
import {
  type CastMatrix,
  MATRICES_KEY,
  readStretch,
} from '../../../evaluators/compression/file/stored-matrix.ts';
import { openTensorFile } from '../../../evaluators/compression/file/tensor-file.ts';
import { matrixSpecs } from '../../../evaluators/compression/matrices.ts';
import { initialWeights } from '../../../evaluators/model/parameters.ts';
import { freshState } from '../../../evaluators/training/program.ts';
import { castWeights, decodeFloat, encodeFloat, encodeMx } from '../../../hardware/formats/index.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../../../space/number-formats.ts';
import { deriveRng } from '../../../space/random.ts';
import { deploymentOf, TINY } from './tiny.ts';

let folder: string;
let source: string;
let target: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'compress-'));
  source = join(folder, 'model.safetensors');
  target = join(folder, 'small.safetensors');
});
afterEach(() => rmSync(folder, { recursive: true }));

const OUTPUTS = 48;
const INPUTS = 80;

function normals(length: number): Float32Array {
  const rng = deriveRng(1, length, 'file');
  return Float32Array.from({ length }, () => 0.1 * rng.normal());
}

const weight = normals(OUTPUTS * INPUTS);
const half = encodeFloat(weight, 'bf16');

function writeSource(): void {
  writeSafetensors(source, {
    tensors: new Map([
      ['layer.weight', { dtype: 'BF16', shape: [OUTPUTS, INPUTS], data: half.packed }],
      ['layer.bias', { dtype: 'F32', shape: [OUTPUTS], data: normals(OUTPUTS) }],
      ['embed.weight', { dtype: 'F32', shape: [3, 4], data: normals(12) }],
      ['optimizer', { dtype: 'F32', shape: [2], data: normals(2) }],
    ]),
    metadata: new Map([['made', 'by hand']]),
  });
}

const casting = (
  format: WeightFormat,
  sparsity = 0,
  more: Partial<FileCompression> = {},
): FileCompression => ({
  choose: ({ name }) => {
    if (name === 'layer.weight') return { kind: 'cast', format, sparsity };
    return { kind: name === 'optimizer' ? 'drop' : 'copy' };
  },
  ...more,
});

function readBack(name: string): Float32Array {
  const file = openTensorFile(target);
  try {
    const matrices = JSON.parse(file.metadata.get(MATRICES_KEY)!) as Record<string, CastMatrix>;
    const matrix = matrices[name]!;
    const parts = matrix.parts.map(({ outputs }, i) => {
      const from = matrix.parts.slice(0, i).reduce((sum, part) => sum + part.outputs, 0);
      return readStretch(file, name, matrix, { from, to: from + outputs });
    });
    return Float32Array.from(parts.flatMap((part) => [...part]));
  } finally {
    file.close();
  }
}

const SHAPE = { rows: OUTPUTS, cols: INPUTS, reduction: 'cols' } as const;
const original = decodeFloat(half);

for (const format of WEIGHT_FORMATS) {
  for (const sparsity of [0, 0.6, 0.9]) {
    test(`${format} at sparsity ${sparsity} reads back as the codec says`, () => {
      writeSource();
      const reports = compressFile(source, target, casting(format, sparsity));
      const expected = castWeights(original, SHAPE, format, sparsity);
      expect(readBack('layer.weight')).toEqual(expected.decoded);
      const report = reports.find(({ name }) => name === 'layer.weight')!;
      expect(report).toMatchObject({
        bytesBefore: OUTPUTS * INPUTS * 2,
        bytesAfter: expected.bits / 8,
        storages: [expected.storage],
        dummies: expected.dummies,
      });
    });
  }
}

test('what is not cast is copied or left out, and nothing temporary remains', () => {
  writeSource();
  compressFile(source, target, casting('mxfp4-e2m1'));
  const file = readSafetensors(target);
  expect([...file.tensors.keys()].sort()).toEqual([
    'embed.weight',
    'layer.bias',
    'layer.weight_packed',
    'layer.weight_scale',
  ]);
  expect(float32Tensor(file, 'layer.bias', [OUTPUTS])).toEqual(normals(OUTPUTS));
  expect(file.metadata.get('made')).toBe('by hand');
  expect(readdirSync(folder).sort()).toEqual(['model.safetensors', 'small.safetensors']);
});

test('MXFP4 and MXFP8 lie as compressed-tensors has them', () => {
  writeSource();
  compressFile(source, target, casting('mxfp4-e2m1'));
  const four = readSafetensors(target).tensors;
  const expected = encodeMx(original, 'mxfp4-e2m1', { rowLength: INPUTS });
  expect(four.get('layer.weight_packed')).toMatchObject({ dtype: 'U8', shape: [OUTPUTS, INPUTS / 2] });
  expect([...(four.get('layer.weight_packed')!.data as Uint8Array)]).toEqual([...expected.packed]);
  expect(four.get('layer.weight_scale')).toMatchObject({
    dtype: 'U8',
    shape: [OUTPUTS, Math.ceil(INPUTS / 32)],
  });
  expect([...(four.get('layer.weight_scale')!.data as Uint8Array)]).toEqual([...expected.scales]);

  compressFile(source, target, casting('mxfp8-e4m3'));
  const eight = readSafetensors(target).tensors;
  expect(eight.get('layer.weight')).toMatchObject({ dtype: 'F8_E4M3', shape: [OUTPUTS, INPUTS] });
  compressFile(source, target, casting('mxfp6-e2m3'));
  const six = readSafetensors(target).tensors;
  expect(six.get('layer.weight_packed')).toMatchObject({ dtype: 'U8', shape: [OUTPUTS, (INPUTS * 6) / 8] });
  expect(six.get('layer.weight_scale')).toMatchObject({ dtype: 'F8_E8M0' });
});

test('a bitmask lies as compressed-tensors has it', () => {
  writeSource();
  compressFile(source, target, casting('fp16', 0.6));
  const { tensors } = readSafetensors(target);
  expect(tensors.get('layer.weight.compressed')).toMatchObject({
    dtype: 'F16',
    shape: [OUTPUTS * INPUTS - Math.round(0.6 * OUTPUTS * INPUTS)],
  });
  expect(tensors.get('layer.weight.bitmask')).toMatchObject({ dtype: 'U8', shape: [OUTPUTS, INPUTS / 8] });
  const offsets = tensors.get('layer.weight.row_offsets')!.data as Uint8Array;
  const counts = new BigInt64Array(Uint8Array.from(offsets).buffer);
  const pruned = castWeights(original, SHAPE, 'fp16', 0.6).decoded;
  let before = 0n;
  for (let output = 0; output < OUTPUTS; output++) {
    expect(counts[output]).toBe(before);
    before += BigInt(pruned.subarray(output * INPUTS, (output + 1) * INPUTS).filter((x) => x !== 0).length);
  }
});

test('a matrix larger than the limit is cast by stretches of outputs: dense ones join, sparse ones lie apart', () => {
  writeSource();
  for (const format of ['mxfp6-e2m3', 'mxfp8-e4m3', 'int8', 'int4-g32', 'bf16'] as const) {
    compressFile(source, target, casting(format));
    const whole = readFileSync(target);
    const [report] = compressFile(source, target, casting(format, 0, { maxWeights: 7 * INPUTS + 3 })).filter(
      ({ name }) => name === 'layer.weight',
    );
    expect(report!.storages.length).toBe(7);
    expect(readFileSync(target)).toEqual(whole);
  }
  compressFile(source, target, casting('mxfp4-e2m1', 0.75, { maxWeights: 16 * INPUTS }));
  const decoded = readBack('layer.weight');
  for (let from = 0; from < OUTPUTS; from += 16) {
    const stretch = original.subarray(from * INPUTS, (from + 16) * INPUTS);
    const expected = castWeights(stretch.slice(), { ...SHAPE, rows: 16 }, 'mxfp4-e2m1', 0.75).decoded;
    expect(decoded.subarray(from * INPUTS, (from + 16) * INPUTS)).toEqual(expected);
  }
});

test('matrices of (in, out) are read that way', () => {
  writeSource();
  compressFile(source, target, casting('mxfp4-e2m1', 0, { layout: 'in-out' }));
  const expected = castWeights(original, { rows: OUTPUTS, cols: INPUTS }, 'mxfp4-e2m1');
  expect(readBack('layer.weight')).toEqual(expected.decoded);
});

test('wrong input is one error, and nothing is written', () => {
  writeSource();
  const refuse = (options: FileCompression, message: RegExp) => {
    expect(() => compressFile(source, target, options)).toThrow(message);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  };
  refuse(casting('fp16', 1.2), /sparsity must be from 0 to 1/);
  refuse(
    { choose: () => ({ kind: 'cast', format: 'fp16', sparsity: 0 }) },
    /only F32, F16 and BF16 matrices can be cast/,
  );
  const broken = weight.slice();
  broken[5] = Number.NaN;
  writeSafetensors(source, {
    tensors: new Map([['layer.weight', { dtype: 'F32', shape: [OUTPUTS, INPUTS], data: broken }]]),
    metadata: new Map(),
  });
  refuse(casting('mxfp4-e2m1'), /model.safetensors: tensor "layer.weight": value 5 is NaN/);
  const bytes = readFileSync(source);
  writeFileSync(source, bytes.subarray(0, bytes.length - 1));
  refuse(casting('fp16'), /cut off/);
  writeFileSync(source, bytes.subarray(0, 5));
  refuse(casting('fp16'), /5 bytes are no safetensors file/);
  const hostile = Buffer.from(bytes);
  hostile.writeBigUInt64LE(2n ** 60n);
  writeFileSync(source, hostile);
  refuse(casting('fp16'), /not a safetensors file/);
  rmSync(source);
  expect(() => compressFile(source, target, casting('fp16'))).toThrow(/no such file/);
});

const matrixFile = (
  tensors: Record<string, readonly number[]>,
  value = 1,
  metadata: [string, string][] = [],
) =>
  writeSafetensors(source, {
    tensors: new Map(
      Object.entries(tensors).map(([name, shape]) => {
        const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);
        return [name, { dtype: 'F32' as const, shape, data }];
      }),
    ),
    metadata: new Map(metadata),
  });

test('matrices of no weights are copied', () => {
  matrixFile({ 'a.weight': [0, 5], 'b.weight': [5, 0], 'layer.weight': [2, 2] });
  const cast = { kind: 'cast', format: 'mxfp4-e2m1', sparsity: 0.5 } as const;
  const reports = compressFile(source, target, { choose: () => cast });
  expect(Object.fromEntries(reports.map(({ name, format }) => [name, format]))).toEqual({
    'a.weight': undefined,
    'b.weight': undefined,
    'layer.weight': 'mxfp4-e2m1',
  });
  expect(readSafetensors(target).tensors.get('b.weight')).toMatchObject({ dtype: 'F32', shape: [5, 0] });
});

test('metadata of many megabytes is read, and a repeated name behind it is found', () => {
  const text = `${'\\"{'.repeat(1_000_000)}${'x'.repeat(10_000_000)}`;
  matrixFile({ 'layer.weight': [2, 2] }, 1, [['tokenizer', text]]);
  compressFile(source, target, casting('fp16'));
  expect(readSafetensors(target).metadata.get('tokenizer')).toBe(text);
});

test('what could not be told apart or computed with afterwards is refused, and nothing is left', () => {
  const refuse = (message: RegExp, format: WeightFormat = 'mxfp4-e2m1') => {
    expect(() => compressFile(source, target, casting(format))).toThrow(CheckpointError);
    expect(() => compressFile(source, target, casting(format))).toThrow(message);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  };
  matrixFile({ 'layer.weight': [2, 2], 'layer.weight_packed': [2] });
  refuse(/small.safetensors: two tensors would be called "layer.weight_packed"/);
  matrixFile({ 'layer.weight': [2, 2] }, 1e30);
  refuse(/tensor "layer.weight" has weights that are too large for fp16/, 'fp16');
  matrixFile({ 'layer.weight_scale': [2, 2] }, 1, [[MATRICES_KEY, '{}']]);
  refuse(/is compressed already/);
});

test('who stops between two tensors, in writing or in reading back, finds nothing', () => {
  matrixFile({ 'a.weight': [2, 2], 'b.weight': [2, 2] });
  const cast = { kind: 'cast', format: 'mxint8', sparsity: 0 } as const;
  for (let nSteps = 0; nSteps < 5; nSteps++) {
    const steps = compressSteps(source, target, { choose: () => cast });
    for (let step = 0; step < nSteps; step++) expect(steps.next().done).toBe(false);
    steps.return([]);
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  }
});

test('a folder in place of a file, and a file system that refuses, are errors of their kind', () => {
  expect(() => compressFile(folder, target, casting('fp16'))).toThrow(/is no file/);
  writeSource();
  const nowhere = join(folder, 'none', 'small.safetensors');
  expect(() => compressFile(source, nowhere, casting('fp16'))).toThrow(CheckpointError);
  expect(() => compressFile(source, nowhere, casting('fp16'))).toThrow(/cannot be written: ENOENT/);
  mkdirSync(target);
  expect(() => compressFile(source, target, casting('fp16'))).toThrow(/cannot be written: E/);
  expect(readdirSync(folder).sort()).toEqual(['model.safetensors', 'small.safetensors']);
});

test('names tell blocks from embeddings, heads and the moments of a training', () => {
  const choice = (name: string, shape = [4, 4], dtype: 'F32' | 'I64' = 'F32') => {
    const entry = { name, dtype, shape, begin: 0, end: 64 };
    return chooseTensor({ format: 'mxfp4-e2m1', sparsity: 0.5 }, entry).kind;
  };
  for (const name of [
    'model.layers.0.self_attn.q_proj.weight',
    'layers.3.feedForward.down',
    'h.1.mlp.c_fc.weight',
    'layer.0.output.dense.weight',
  ]) {
    expect(choice(name), name).toBe('cast');
  }
  for (const name of [
    'model.embed_tokens.weight',
    'lm_head.weight',
    'wte.weight',
    'embedding',
    'head',
    'output.weight',
  ]) {
    expect(choice(name), name).toBe('copy');
  }
  expect(choice('model.layers.0.norm.weight', [4])).toBe('copy');
  expect(choice('model.layers.0.ids', [4, 4], 'I64')).toBe('copy');
  expect(choice('first/layers.0.attention.q')).toBe('drop');
  const entry = { name: 'lm_head.weight', dtype: 'F32' as const, shape: [4, 4], begin: 0, end: 64 };
  expect(chooseTensor({ format: 'mxfp4-e2m1', sparsity: 0.5, headFormat: 'fp8' }, entry)).toEqual({
    kind: 'cast',
    format: 'fp8',
    sparsity: 0,
  });
});

test('a checkpoint of this project: (in, out) matrices, an embedding by rows, no moments', () => {
  const weights = initialWeights(TINY, deriveRng(1, 0, 'checkpoint'));
  writeCheckpoint(source, TINY, { ...freshState(TINY, weights), step: 1 });
  const rules = { format: 'mxfp6-e2m3', sparsity: 0.8, headFormat: 'mxfp8-e4m3' } as const;
  compressFile(source, target, { layout: 'in-out', choose: (entry) => chooseTensor(rules, entry) });
  const embedding = { weightFormat: 'mxfp8-e4m3', sparsity: 0 } as const;
  const deployment = { ...deploymentOf('mxfp6-e2m3', 0.8), embedding };
  const expected = castModel(TINY, weights, deployment).weights;
  for (const { name, kind } of matrixSpecs(TINY)) {
    if (kind !== 'gain') expect(readBack(name), name).toEqual(expected[name]);
  }
  expect([...readSafetensors(target).tensors.keys()].some((name) => name.startsWith('first/'))).toBe(false);
});

test('a damaged result is noticed when it is read', () => {
  writeSource();
  compressFile(source, target, casting('mxfp4-e2m1', 0.8));
  const file = openTensorFile(target);
  const matrices = JSON.parse(file.metadata.get(MATRICES_KEY)!) as Record<string, CastMatrix>;
  const lost = {
    ...file,
    entries: file.entries.filter(({ name }) => !name.endsWith('.deltas') && !name.endsWith('.bitmask')),
  };
  const read = () => readStretch(lost, 'layer.weight', matrices['layer.weight']!, { from: 0, to: OUTPUTS });
  expect(read).toThrow(/is missing/);
  file.close();
});
