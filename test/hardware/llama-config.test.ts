import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countModelParameters,
  isPlainLlama,
  llamaConfig,
  modelFromHuggingFace,
  uniformArchitecture,
} from '../../hardware/index.ts';
import { type Architecture, countParameters, type Layer } from '../../space/architecture.ts';
import { anyArchitecture, architectureOf, layer, UNLIKE } from '../evaluators/interchange/models.ts';

/** As another program reads it. */
const written = (architecture: Architecture): unknown =>
  JSON.parse(JSON.stringify(llamaConfig(architecture, { dtype: 'float32' })));

describe('a configuration', () => {
  it('reads back as the architecture it was written for', () => {
    fc.assert(
      fc.property(anyArchitecture, (architecture) => {
        const found = modelFromHuggingFace(written(architecture));
        expect(found).toEqual(architecture);
        expect(countModelParameters(found)).toBe(countParameters(architecture));
      }),
    );
  });

  it("is Llama's own where layers are alike", () => {
    expect(written(architectureOf())).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: 4,
      intermediate_size: 20,
      vocab_size: 50,
      max_position_embeddings: 16,
      tie_word_embeddings: true,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      bos_token_id: null,
      eos_token_id: null,
      torch_dtype: 'float32',
    });
    expect(written(architectureOf())).not.toHaveProperty('block_configs');
  });

  it('describes unlike layers one by one', () => {
    const config = written(UNLIKE) as { block_configs: unknown[] };
    expect(config).toMatchObject({
      model_type: 'paretoformer',
      num_key_value_heads_per_layer: [0, 1, 2, 3],
      num_attention_heads: 6,
    });
    expect(config.block_configs[0]).toMatchObject({
      attention: { no_op: true, n_heads_in_group: null },
      ffn: { no_op: false, intermediate_size: 16 },
    });
    expect(config.block_configs[2]).toMatchObject({
      attention: { no_op: false, num_attention_heads: 2, num_key_value_heads: 2, n_heads_in_group: 1 },
      ffn: { no_op: true, intermediate_size: null },
    });
  });

  it.each([
    ['alike', architectureOf(), true],
    ['heads that do not divide the width', architectureOf({ layers: [layer(5, 5, 8)] }), false],
    ['no attention', architectureOf({ layers: [layer(0, 0, 8)] }), false],
    ['no feed-forward', architectureOf({ layers: [layer(4, 4, 0)] }), false],
    ['unlike kv heads', architectureOf({ layers: [layer(4, 4, 8), layer(4, 2, 8)] }), false],
  ])('knows a plain Llama: %s', (_, architecture, isPlain) => {
    expect(isPlainLlama(architecture)).toBe(isPlain);
  });
});

describe('the uniform architecture', () => {
  /** Kv heads that a layer needs where `group` heads share one, counted head by head. */
  function needed({ nHeads, nKvHeads }: Layer, group: number): number {
    let count = 0;
    for (let kvHead = 0; kvHead < nKvHeads; kvHead++)
      for (let left = nHeads / nKvHeads; left > 0; left -= group) count++;
    return count;
  }

  it('holds every layer, is what Llama accepts, and has the fewest heads of all that are', () => {
    fc.assert(
      fc.property(anyArchitecture, (architecture) => {
        const { dModel, layers } = architecture;
        const uniform = uniformArchitecture(architecture)!;
        expect(isPlainLlama(uniform)).toBe(true);
        const { nHeads, nKvHeads, dFf } = uniform.layers[0]!;
        const fits = (heads: number, kvHeads: number) =>
          heads % kvHeads === 0 &&
          dModel % heads === 0 &&
          layers.every((each) => needed(each, heads / kvHeads) <= kvHeads);
        expect(fits(nHeads, nKvHeads)).toBe(true);
        expect(dFf).toBe(Math.max(1, ...layers.map((each) => each.dFf)));
        if (isPlainLlama(architecture)) {
          expect(uniform).toBe(architecture);
          return;
        }
        for (let heads = 1; heads <= dModel; heads++)
          for (let kvHeads = 1; kvHeads <= heads; kvHeads++)
            if (fits(heads, kvHeads)) expect(heads + kvHeads).toBeGreaterThanOrEqual(nHeads + nKvHeads);
      }),
    );
  });

  it('says so where the width has no room', () => {
    const narrow = architectureOf({ dModel: 2, layers: [layer(3, 3, 8), layer(1, 1, 8)] });
    expect(uniformArchitecture(narrow)).toBeUndefined();
  });
});

describe('configurations of others', () => {
  const base = {
    hidden_size: 4096,
    num_hidden_layers: 2,
    num_attention_heads: 32,
    vocab_size: 1000,
    intermediate_size: null,
    num_key_value_heads: null,
  };
  const block = (attention: object, ffn: object) => ({ attention, ffn });
  const read = (...block_configs: unknown[]) =>
    modelFromHuggingFace({ ...base, model_type: 'nemotron-nas', block_configs }).layers;

  it('reads blocks as Nemotron-NAS describes them', () => {
    const layers = read(
      block(
        { no_op: false, replace_with_linear: false, n_heads_in_group: 8 },
        { no_op: false, ffn_mult: 5.25 },
      ),
      block({ no_op: true, n_heads_in_group: null }, { no_op: true, ffn_mult: null }),
    );
    // int(2 * 5.25 * 4096 / 3) = 14336, a multiple of 256
    expect(layers).toEqual([layer(32, 4, 14_336), layer(0, 0, 0)]);
  });

  it('rounds feed-forwards up to whole 256s as DeciLM does', () => {
    const one = block({ n_heads_in_group: 32 }, { ffn_mult: 1.3 });
    // int(2 * 1.3 * 4096 / 3) = 3549
    expect(read(one, one)[0]).toEqual(layer(32, 1, 3584));
  });

  it('counts the parameters of Puzzletron models', () => {
    const path = new URL('../fixtures/hardware/puzzletron_golden.json', import.meta.url);
    const { cases } = JSON.parse(readFileSync(path, 'utf8'));
    for (const { d, head_dim, n_q, vocab, tied, kv_heads, ffn, expect: expected } of cases.slice(0, 2)) {
      const shape = modelFromHuggingFace({
        model_type: 'llama',
        hidden_size: d,
        head_dim,
        num_attention_heads: n_q,
        num_hidden_layers: kv_heads.length,
        vocab_size: vocab,
        tie_word_embeddings: tied,
        block_configs: kv_heads.map((heads: number, i: number) =>
          block(heads === 0 ? { no_op: true } : { num_key_value_heads: heads }, {
            intermediate_size: ffn[i],
            no_op: ffn[i] === 0,
          }),
        ),
      });
      expect(countModelParameters(shape)).toBe(expected.num_params);
    }
  });

  it('finds the base of rotary positions where transformers 5 keeps it', () => {
    const config = { ...base, model_type: 'llama', intermediate_size: 8, num_key_value_heads: 32 };
    expect(modelFromHuggingFace({ ...config, rope_parameters: { rope_theta: 5e5 } }).ropeTheta).toBe(5e5);
  });

  it.each([
    [[{}], 'block_configs must list 2 blocks'],
    [[{}, {}], 'block_configs.0 lacks attention'],
    [
      [block({ replace_with_linear: true }, {}), block({}, {})],
      'block_configs.0: linear attention is not priced',
    ],
    [
      [block({ num_key_value_heads: 5 }, {}), block({}, {})],
      'block_configs.0: 5 kv heads do not divide 32 heads',
    ],
  ])('refuses %j', (blocks, message) => {
    expect(() => read(...blocks)).toThrow(message);
  });
});
