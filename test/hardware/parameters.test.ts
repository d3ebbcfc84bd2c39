import { describe, expect, it } from 'vitest';
import { readFixtureJson } from '../../bench/hardware/csv.ts';
import { HWGPT_BATCH, HWGPT_TOKENS, hwgptRows } from '../../bench/hardware/hwgpt-rows.ts';
import { MODELS } from '../../bench/hardware/models.ts';
import {
  countModelParameters,
  estimateCost,
  HardwareError,
  loadAccelerator,
  type ModelShape,
  modelFromHuggingFace,
  uniformDeployment,
  weightMacsPerToken,
} from '../../hardware/index.ts';
import { HOUSE_DETAILS } from '../../hardware/model-shape.ts';
import { countParameters } from '../../space/architecture.ts';

describe('parameters and multiply-accumulates', () => {
  it('are exact on the 1,500 rows of HW-GPT-Bench', () => {
    const rows = hwgptRows();
    expect(rows).toHaveLength(1500);
    for (const row of rows) {
      expect(countModelParameters(row.architecture)).toBe(row.parameters);
      expect(weightMacsPerToken(row.architecture) * HWGPT_BATCH * HWGPT_TOKENS).toBe(row.macs);
    }
  });

  it('are exact for the Deci models with kv heads by layer', () => {
    const models = readFixtureJson('deci_configs.json') as Record<string, Record<string, number>>;
    expect(Object.keys(models)).toHaveLength(4);
    for (const config of Object.values(models)) {
      const shape = modelFromHuggingFace(config);
      expect(countModelParameters(shape)).toBe(config.derived_params);
      const cost = estimateCost({
        architecture: shape,
        deployment: uniformDeployment(shape.layers.length),
        accelerator: loadAccelerator('nvidia-a100-80gb'),
        workload: { batch: 1, promptTokens: 10, generatedTokens: 10 },
      });
      expect(cost.kvBytesPerToken).toBe(config.kv_bytes_per_token_fp16);
      expect(cost.parameters).toBe(config.derived_params);
    }
  });

  it('agree with the house arithmetic where there are no details', () => {
    for (const model of [MODELS['llama-7b'], MODELS['llama3.1-70b']]) {
      expect(countModelParameters(model)).toBe(countParameters(model));
    }
  });
});

describe('Hugging Face configs', () => {
  it('give the published parameter counts', () => {
    const known: [Record<string, unknown>, number][] = [
      [
        { model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50_257 },
        124_439_808,
      ],
      [
        {
          model_type: 'opt',
          hidden_size: 768,
          num_hidden_layers: 12,
          num_attention_heads: 12,
          ffn_dim: 3072,
          vocab_size: 50_272,
          max_position_embeddings: 2048,
          word_embed_proj_dim: 768,
        },
        125_239_296,
      ],
      [
        {
          model_type: 'opt',
          hidden_size: 1024,
          num_hidden_layers: 24,
          num_attention_heads: 16,
          ffn_dim: 4096,
          vocab_size: 50_272,
          max_position_embeddings: 2048,
          word_embed_proj_dim: 512,
          do_layer_norm_before: false,
        },
        331_196_416,
      ],
      [
        {
          model_type: 'gpt_neox',
          hidden_size: 6144,
          num_hidden_layers: 44,
          num_attention_heads: 64,
          intermediate_size: 24_576,
          vocab_size: 50_432,
        },
        20_554_567_680,
      ],
      [
        {
          model_type: 'gpt_neox',
          hidden_size: 768,
          num_hidden_layers: 12,
          num_attention_heads: 12,
          intermediate_size: 3072,
          vocab_size: 50_304,
        },
        162_322_944,
      ],
      [
        {
          model_type: 'mistral',
          hidden_size: 4096,
          num_hidden_layers: 32,
          num_attention_heads: 32,
          num_key_value_heads: 8,
          intermediate_size: 14_336,
          vocab_size: 32_000,
        },
        7_241_732_096,
      ],
      [
        {
          model_type: 'qwen2',
          hidden_size: 896,
          num_hidden_layers: 24,
          num_attention_heads: 14,
          num_key_value_heads: 2,
          intermediate_size: 4864,
          vocab_size: 151_936,
          tie_word_embeddings: true,
        },
        494_032_768,
      ],
      [
        {
          model_type: 'qwen3',
          hidden_size: 4096,
          num_hidden_layers: 36,
          num_attention_heads: 32,
          num_key_value_heads: 8,
          head_dim: 128,
          intermediate_size: 12_288,
          vocab_size: 151_936,
        },
        8_190_735_360,
      ],
    ];
    for (const [config, parameters] of known) {
      expect(countModelParameters(modelFromHuggingFace(config)), String(config.model_type)).toBe(parameters);
    }
    expect(countModelParameters(MODELS['llama-7b'])).toBe(6_738_415_616);
    expect(countModelParameters(MODELS['llama2-70b'])).toBe(68_976_648_192);
    expect(countModelParameters(MODELS['gpt-j-6b'])).toBe(6_050_882_784);
  });

  it('say what is missing or unknown', () => {
    const llama = {
      model_type: 'llama',
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      intermediate_size: 128,
      vocab_size: 256,
    };
    const message = (config: unknown): string => {
      try {
        modelFromHuggingFace(config);
      } catch (error) {
        expect(error).toBeInstanceOf(HardwareError);
        return (error as Error).message;
      }
      return 'nothing was thrown';
    };
    expect(message({ ...llama, model_type: 'mamba' })).toContain('unknown model_type "mamba"');
    expect(message({ ...llama, hidden_size: undefined })).toContain('lacks hidden_size');
    expect(message({ ...llama, num_key_value_heads: 3 })).toContain('3 kv heads do not divide 4 heads');
    expect(message({ ...llama, num_local_experts: 8 })).toContain('mixtures of experts');
    expect(message({ ...llama, num_key_value_heads_per_layer: [4] })).toContain('1 entries for 2 layers');
    expect(message({ ...llama, num_hidden_layers: 0 })).toContain('1 to 10000 layers, not 0');
    expect(message({ ...llama, hidden_size: '64' })).toContain('hidden_size must be a number');
    expect(message([])).toContain('no object');
    expect(message({ ...llama, model_type: 'constructor' })).toContain('unknown model_type');
  });
});

describe('memory of heterogeneous models', () => {
  interface Case {
    name: string;
    d: number;
    head_dim: number;
    n_q: number;
    vocab: number;
    tied: boolean;
    qk_norm: boolean;
    kv_heads: number[];
    ffn: number[];
    expect: Record<string, number>;
  }
  const golden = readFixtureJson('puzzletron_golden.json') as { tokens: number; cases: Case[] };
  const MIB = 2 ** 20;

  it.each(golden.cases)('is exact: $name', (it) => {
    const shape: ModelShape = {
      dModel: it.d,
      headDim: it.head_dim,
      vocabSize: it.vocab,
      contextLength: 8192,
      tieEmbeddings: it.tied,
      ropeTheta: 500_000,
      layers: it.ffn.map((dFf, i) => ({
        nHeads: it.kv_heads[i] === 0 ? 0 : it.n_q,
        nKvHeads: it.kv_heads[i]!,
        dFf,
      })),
      ...(it.qk_norm ? { details: { ...HOUSE_DETAILS, qkNorm: true } } : {}),
    };
    const cost = estimateCost({
      architecture: shape,
      deployment: uniformDeployment(shape.layers.length, { weightFormat: 'bf16' }),
      accelerator: loadAccelerator('nvidia-b200'),
      workload: { batch: 96, promptTokens: 4096, generatedTokens: 4096 },
    });
    const memoryMib = (cost.weightBytes + cost.kvCacheBytes) / MIB;
    if (it.expect.memory_mib !== undefined) {
      expect(cost.parameters).toBe(it.expect.num_params);
      expect(cost.kvCacheBytes / MIB).toBe(it.expect.kv_cache_memory_mib);
      expect(memoryMib).toBe(it.expect.memory_mib);
    } else {
      expect(Math.round(memoryMib)).toBe(it.expect.memory_mib_rounded);
    }
  });
});
