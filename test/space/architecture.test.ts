import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Architecture,
  countAttentionMacs,
  countLayerParameters,
  countParameters,
  countWeightMacs,
} from '../../space/architecture.ts';
import { deployedArchitecture } from '../../space/scale.ts';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/space/${name}`, import.meta.url), 'utf8');

const common = { tieEmbeddings: false, ropeTheta: 10_000 };

interface DeciConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly num_key_value_heads_per_layer: readonly number[];
  readonly derived_params: number;
}

describe('Deci: key-value heads by layer', () => {
  const configs = Object.entries(JSON.parse(fixture('deci-configs.json')) as Record<string, DeciConfig>);
  test.each(configs)('%s', (_, config) => {
    const nHeads = config.num_attention_heads;
    const architecture: Architecture = {
      ...common,
      dModel: config.hidden_size,
      headDim: config.hidden_size / nHeads,
      vocabSize: config.vocab_size,
      contextLength: config.max_position_embeddings,
      layers: config.num_key_value_heads_per_layer.map((nKvHeads) => ({
        nHeads,
        nKvHeads,
        dFf: config.intermediate_size,
      })),
    };
    expect(countParameters(architecture)).toBe(config.derived_params);
  });
});

interface PuzzletronCase {
  readonly name: string;
  readonly d: number;
  readonly head_dim: number;
  readonly n_q: number;
  readonly vocab: number;
  readonly tied: boolean;
  readonly qk_norm: boolean;
  readonly kv_heads: readonly number[];
  readonly ffn: readonly number[];
  readonly expect: Readonly<Record<string, number>>;
}

describe('Puzzletron: attention left out together with its norm', () => {
  const { cases } = JSON.parse(fixture('puzzletron.json')) as { cases: PuzzletronCase[] };
  test.each(cases)('$name', (golden) => {
    const architecture: Architecture = {
      dModel: golden.d,
      headDim: golden.head_dim,
      vocabSize: golden.vocab,
      contextLength: 8192,
      tieEmbeddings: golden.tied,
      ropeTheta: 500_000,
      layers: golden.kv_heads.map((nKvHeads, index) => ({
        nHeads: nKvHeads === 0 ? 0 : golden.n_q,
        nKvHeads,
        dFf: golden.ffn[index]!,
      })),
    };
    const parts = architecture.layers.map((layer) => countLayerParameters(architecture, layer));
    const sum = (part: 'attention' | 'feedForward') => parts.reduce((total, each) => total + each[part], 0);
    const wanted = golden.expect;
    if (wanted.num_params !== undefined) expect(countParameters(architecture)).toBe(wanted.num_params);
    if (wanted.attention_num_params !== undefined) expect(sum('attention')).toBe(wanted.attention_num_params);
    if (wanted.ffn_num_params !== undefined) expect(sum('feedForward')).toBe(wanted.ffn_num_params);
    if (wanted.num_params_rounded !== undefined) {
      expect(Number(countParameters(architecture).toPrecision(3))).toBe(wanted.num_params_rounded);
    }
    expect(countParameters(architecture)).toBeGreaterThan(sum('attention') + sum('feedForward'));
  });
});

// HW-GPT models have LayerNorm (gain and bias) where ours have RMSNorm (gain), and some have biases in every
// product: both differences are added here, everything else is counted by our own arithmetic.
test('HW-GPT-Bench: 1,500 architectures, parameters and multiply-accumulates exact', () => {
  const [, ...rows] = fixture('hwgpt-s.csv').trim().split('\n');
  expect(rows).toHaveLength(1500);
  for (const row of rows) {
    const [width, nLayers, ratios, heads, bias, params, macs] = row.split(',') as [string, ...string[]];
    const dModel = Number(width);
    const headsByLayer = heads!.split('-').map(Number);
    const layers = ratios!.split('-').map((ratio, index) => ({
      nHeads: headsByLayer[index]!,
      nKvHeads: headsByLayer[index]!,
      dFf: Number(ratio) * dModel,
    }));
    expect(layers).toHaveLength(Number(nLayers));
    const architecture = { ...common, dModel, headDim: 64, vocabSize: 50_254, contextLength: 1024, layers };
    const normBiases = dModel * (2 * layers.length + 1);
    const productBiases = layers.reduce(
      (sum, { nHeads, dFf }) => sum + 192 * nHeads + 2 * dFf + 2 * dModel,
      0,
    );
    const wanted = countParameters(architecture) + normBiases + Number(bias) * productBiases;
    expect(wanted).toBe(Number(params));
    expect(countWeightMacs(architecture, 8192)).toBe(Number(macs));
  }
});

test('attention multiply-accumulates equal a sum over tokens and positions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }), (nTokens, pastTokens) => {
      const layers = [
        { nHeads: 3, nKvHeads: 1, dFf: 8 },
        { nHeads: 0, nKvHeads: 0, dFf: 8 },
      ];
      const architecture = { ...common, dModel: 8, headDim: 4, vocabSize: 16, contextLength: 64, layers };
      let wanted = 0;
      for (let token = 0; token < nTokens; token++) {
        for (let position = 0; position <= pastTokens + token; position++) wanted += 3 * (4 + 4);
      }
      expect(countAttentionMacs(architecture, nTokens, pastTokens)).toBe(wanted);
    }),
  );
});

test('a scaled model: widths, heads and vocabulary grow, depth and proportions stay', () => {
  const trained: Architecture = {
    ...common,
    dModel: 128,
    headDim: 32,
    vocabSize: 256,
    contextLength: 128,
    layers: [{ nHeads: 4, nKvHeads: 2, dFf: 344 }],
  };
  const deployed = deployedArchitecture(trained, {
    width: 32,
    heads: 8,
    vocabSize: 32_000,
    contextLength: 4096,
  });
  expect(deployed).toMatchObject({ dModel: 4096, headDim: 128, vocabSize: 32_000, contextLength: 4096 });
  expect(deployed.layers).toEqual([{ nHeads: 32, nKvHeads: 16, dFf: 11_008 }]);
  expect(deployedArchitecture(trained, undefined)).toBe(trained);
});
