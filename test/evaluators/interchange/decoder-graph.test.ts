import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../../evaluators/generation/language-model.ts';
import { checkDecoder, largestDifference, logitsOf } from '../../../evaluators/interchange/decoder-check.ts';
import { decoderGraph } from '../../../evaluators/interchange/decoder-graph.ts';
import { encodeOnnx, encodeWeights, layOutWeights } from '../../../evaluators/interchange/onnx-file.ts';
import { architectureOf, layer, modelOf, tokensOf, UNLIKE } from './models.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Both graphs and their weights in a new folder. */
function write({ architecture, weights }: LanguageModel) {
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-graph-'));
  folders.push(folder);
  const graphs = {
    prefill: decoderGraph(architecture, 'prefill'),
    decode: decoderGraph(architecture, 'decode'),
  };
  const layout = layOutWeights(graphs.prefill.weights);
  writeFileSync(join(folder, 'weights'), encodeWeights(layout, weights));
  const files = { prefill: join(folder, 'prefill.onnx'), decode: join(folder, 'decode.onnx') };
  for (const pass of ['prefill', 'decode'] as const)
    writeFileSync(files[pass], encodeOnnx(graphs[pass], 'weights', layout));
  return { folder, files, graphs, layout };
}

const integers = (rows: readonly (readonly number[])[]) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe.each([
  ['alike', architectureOf()],
  ['unlike', UNLIKE],
  ['of one head', architectureOf({ layers: [layer(1, 1, 8)] })],
  ['without attention', architectureOf({ layers: [layer(0, 0, 8), layer(0, 0, 4)] })],
])('graphs of layers %s', (_, architecture) => {
  const model = modelOf(architecture);
  const written = write(model);

  it("give the model's logits, whole and step by step", async () => {
    const text = { tokens: tokensOf(architecture, 3, 11), batch: 3 };
    const { prefill, decode } = await checkDecoder(model, text, written.files);
    expect(prefill).toBeLessThan(1e-4);
    expect(decode).toBeLessThan(1e-4);
    expect(prefill).toBeGreaterThan(0);
  });

  it('use standard operators alone', () => {
    const standard = new Set(
      'Add And Cast Concat Div Expand Gather Gemm Identity LessOrEqual MatMul Mul Range ReduceMean Reshape Shape Sigmoid Softmax Split Sqrt Sub Transpose Unsqueeze Where'.split(
        ' ',
      ),
    );
    for (const { nodes } of Object.values(written.graphs))
      expect(nodes.filter(({ op }) => !standard.has(op))).toEqual([]);
    expect(readFileSync(written.files.decode).includes('com.microsoft')).toBe(false);
  });
});

describe('a graph', () => {
  const model = modelOf(UNLIKE);
  const { files, layout, folder } = write(model);

  it('takes several tokens at a time after a cache, and none that is empty', async () => {
    const tokens = tokensOf(UNLIKE, 1, 12);
    const expected = await logitsOf(model, { tokens, batch: 1 });
    const decode = await InferenceSession.create(files.decode);
    let cache = Object.fromEntries(
      decode.inputNames
        .filter((name) => name.startsWith('past'))
        .map((name) => {
          const { nKvHeads } = UNLIKE.layers[Number(name.split('.')[1])]!;
          return [name, new Tensor('float32', new Float32Array(0), [1, nKvHeads, 0, UNLIKE.headDim])];
        }),
    );
    for (const [from, to] of [
      [0, 5],
      [5, 6],
      [6, 12],
    ] as const) {
      const outputs = await decode.run({
        input_ids: integers([[...tokens.subarray(from, to)]]),
        attention_mask: integers([range(0, to).map(() => 1)]),
        position_ids: integers([range(from, to)]),
        ...cache,
      });
      const { vocabSize } = UNLIKE;
      const part = expected.subarray(from * vocabSize, to * vocabSize);
      expect(largestDifference(outputs.logits!.data as Float32Array, part)).toBeLessThan(1e-4);
      cache = Object.fromEntries(
        Object.keys(cache).map((name) => [
          name,
          outputs[name.replace('past_key_values', 'present')] as Tensor,
        ]),
      ) as typeof cache;
    }
    await decode.release();
  });

  it('does not see padding', async () => {
    const tokens = [...tokensOf(UNLIKE, 1, 6)];
    const expected = await logitsOf(model, { tokens: Int32Array.from(tokens), batch: 1 });
    const prefill = await InferenceSession.create(files.prefill);
    const padded = (id: number) =>
      prefill.run({
        input_ids: integers([[id, id, ...tokens]]),
        attention_mask: integers([[0, 0, 1, 1, 1, 1, 1, 1]]),
        position_ids: integers([[0, 0, ...range(0, 6)]]),
      });
    for (const id of [0, 7]) {
      const logits = (await padded(id)).logits!.data as Float32Array;
      expect(largestDifference(logits.subarray(2 * UNLIKE.vocabSize), expected)).toBeLessThan(1e-4);
    }
    await prefill.release();
  });

  it('names its weights and finds them at whole pages', () => {
    expect([...layout.offsets.values()].every((offset) => offset % 4096 === 0)).toBe(true);
    expect(statSync(join(folder, 'weights')).size).toBe(layout.totalBytes);
  });

  it('says how far off logits are, no number included', () => {
    expect(largestDifference(Float32Array.of(1, 2), Float32Array.of(1, 2.5))).toBe(0.5);
    expect(largestDifference(Float32Array.of(1, Number.NaN), Float32Array.of(9, 0))).toBeNaN();
    expect(largestDifference(Float32Array.of(Number.NaN, 1), Float32Array.of(0, 9))).toBeNaN();
    expect(largestDifference(Float32Array.of(1), Float32Array.of(1, 1))).toBeNaN();
  });
});
