// The measured rows as inputs of the cost model: one list of (input, figure, measured value) by set.
import {
  type Accelerator,
  type CostEstimate,
  type CostInput,
  estimateCost,
  loadAccelerator,
  uniformDeployment,
} from '../../hardware/index.ts';
import type { KvCacheFormat, WeightFormat } from '../../space/number-formats.ts';
import { type CsvRow, readFixtureRows } from './csv.ts';
import { MODELS, type ModelName } from './models.ts';

export interface MeasuredRow {
  readonly id: string;
  /** Rows of one group share a model, for leave-one-group-out fits. */
  readonly group: string;
  readonly measured: number;
  readonly input: Omit<CostInput, 'accelerator'>;
  readonly accelerator: string;
  readonly predict: (cost: CostEstimate) => number;
}

const decodeRate = (cost: CostEstimate): number => 1 / cost.decodeSecondsPerToken;

interface Case {
  readonly model: ModelName;
  readonly weightFormat: WeightFormat;
  readonly kvCacheFormat?: KvCacheFormat;
  readonly nCards: number;
  readonly batch: number;
  readonly prompt: number;
  readonly generated: number;
}

function inputOf(it: Case): Omit<CostInput, 'accelerator'> {
  const architecture = MODELS[it.model];
  const { weightFormat, nCards } = it;
  const kvCacheFormat = it.kvCacheFormat ?? 'fp16';
  return {
    architecture,
    deployment: uniformDeployment(architecture.layers.length, { weightFormat, kvCacheFormat, nCards }),
    workload: { batch: it.batch, promptTokens: it.prompt, generatedTokens: it.generated },
  };
}

const AI100_MODELS: Readonly<Record<string, ModelName>> = {
  'gpt-j-6b': 'gpt-j-6b',
  'opt-2.7b': 'opt-2.7b',
  'opt-6.7b': 'opt-6.7b',
  'opt-13b': 'opt-13b',
  'llama2-7b': 'llama-7b',
  'xgen-7b': 'xgen-7b',
  'amberchat-7b(llama-7b)': 'llama-7b',
};

/** Decode rows of the AI 100 cards: the vendor's tables, one card, batch 1. */
export function ai100Rows(card: 'AI100-Std' | 'AI100-Ultra'): MeasuredRow[] {
  const accelerator = card === 'AI100-Std' ? 'qualcomm-ai100-standard' : 'qualcomm-ai100-ultra';
  return readFixtureRows('qualcomm_ai100_llm.csv')
    .filter((row) => row.card === card && row.metric === 'decode_tps' && row.n_cards === '1')
    .filter((row) => AI100_MODELS[row.model!] !== undefined)
    .map((row) => {
      const prompt = Number(row.prompt_len);
      return {
        id: `${row.model} ${row.weight_format}`,
        group: row.model!,
        measured: Number(row.value),
        accelerator,
        input: inputOf({
          model: AI100_MODELS[row.model!]!,
          weightFormat: row.weight_format === 'FP16' ? 'fp16' : 'mxfp6-e3m2',
          nCards: 1,
          batch: 1,
          prompt,
          generated: Number(row.ctx_len) - prompt,
        }),
        predict: decodeRate,
      };
    });
}

const GPT_FAST_FORMATS: Readonly<Record<string, WeightFormat>> = {
  BF16: 'bf16',
  INT8: 'int8',
  'INT4-g32': 'int4-g32',
};

/** gpt-fast decode rates on A100, batch 1, 200 generated tokens, without speculation. */
export function gptFastRows(): MeasuredRow[] {
  return readFixtureRows('gpt_fast_a100.csv')
    .filter((row) => row.gpu === 'A100-SXM-80' && row.speculative === '')
    .map((row) => ({
      id: `${row.model} ${row.weight_format} tp${row.tp}`,
      group: `${row.model} ${row.weight_format}`,
      measured: Number(row.decode_tok_s),
      accelerator: 'nvidia-a100-80gb',
      input: inputOf({
        model: row.model === 'Llama-2-7B' ? 'llama-7b' : 'llama2-70b',
        weightFormat: GPT_FAST_FORMATS[row.weight_format!]!,
        nCards: Number(row.tp),
        batch: 1,
        prompt: Number(row.prompt_len),
        generated: 200,
      }),
      predict: decodeRate,
    }));
}

const TRTLLM_MODELS: Readonly<Record<string, ModelName>> = {
  'GPT-J 6B': 'gpt-j-6b',
  'LLaMA 7B': 'llama-7b',
  'LLaMA 70B': 'llama2-70b',
  'Falcon 180B': 'falcon-180b',
};

function trtllmCase(row: CsvRow, generated: number): Case {
  return {
    model: TRTLLM_MODELS[row.model!]!,
    weightFormat: row.precision === 'FP8' ? 'fp8' : 'fp16',
    nCards: Number(row.tp),
    batch: Number(row.batch),
    prompt: Number(row.input_len),
    generated,
  };
}

/** TensorRT-LLM static batches on A100: output tokens a second and GPU. */
export function trtllmStaticRows(): MeasuredRow[] {
  return readFixtureRows('trtllm_v06_static_batch.csv').map((row) => ({
    id: `${row.model} b${row.batch} tp${row.tp} ${row.input_len}+${row.output_len}`,
    group: row.model!,
    measured: Number(row.throughput_out_tok_s_per_gpu),
    accelerator: 'nvidia-a100-80gb',
    input: inputOf(trtllmCase(row, Number(row.output_len))),
    predict: (cost) => cost.tokensPerSecond / Number(row.tp),
  }));
}

const TRTLLM_GPUS: Readonly<Record<string, string>> = {
  'A100-SXM-80': 'nvidia-a100-80gb',
  'H100-SXM': 'nvidia-h100-sxm',
  L40S: 'nvidia-l40s',
};

/** TensorRT-LLM unloaded first-token latency, seconds. */
export function trtllmFirstTokenRows(): MeasuredRow[] {
  return readFixtureRows('trtllm_v05_first_token_latency.csv').map((row) => ({
    id: `${row.gpu} ${row.model} tp${row.tp} ${row.input_len}`,
    group: `${row.gpu} ${row.model}`,
    measured: Number(row.first_token_latency_ms) / 1e3,
    accelerator: TRTLLM_GPUS[row.gpu!]!,
    input: inputOf(trtllmCase(row, 1)),
    predict: (cost) => cost.timeToFirstTokenSeconds,
  }));
}

/** The six rows on which LLM-Viewer's users measured TensorRT-LLM on A100. */
export function llmViewerRows(): (MeasuredRow & { readonly peer: number })[] {
  return readFixtureRows('llmviewer_issue4_pred_vs_trtllm_a100.csv').map((row) => {
    const isThroughput = row.metric === 'out_tok_s';
    return {
      id: `${row.metric} b${row.batch} ${row.input_len}+${row.output_len}`,
      group: row.metric!,
      measured: isThroughput ? Number(row.measured_trtllm) : Number(row.measured_trtllm) / 1e3,
      peer: isThroughput ? Number(row.llm_viewer_pred) : Number(row.llm_viewer_pred) / 1e3,
      accelerator: 'nvidia-a100-80gb',
      input: inputOf(trtllmCase({ ...row, precision: 'FP16' }, Number(row.output_len))),
      predict: (cost) => (isThroughput ? cost.tokensPerSecond : cost.timeToFirstTokenSeconds),
    };
  });
}

const SERVED_MODELS: Readonly<Record<string, ModelName>> = {
  'L31-8B': 'llama3.1-8b',
  'L31-70B': 'llama3.1-70b',
  'Qwen3-32B': 'qwen3-32b',
};

/** Serving under constant concurrency on H100: seconds an output token. */
export function h100ServingRows(): (MeasuredRow & { readonly backend: string })[] {
  return readFixtureRows('aic_silicon_dense_models.csv').map((row) => ({
    id: `${row.model} ${row.backend} ${row.gemm_quant} tp${row.tp} c${row.concurrency} ${row.isl}+${row.osl}`,
    group: `${row.model} ${row.backend} ${row.gemm_quant}`,
    backend: row.backend!,
    measured: Number(row.tpot_ms) / 1e3,
    accelerator: 'nvidia-h100-sxm',
    input: inputOf({
      model: SERVED_MODELS[row.model!]!,
      weightFormat: row.gemm_quant === 'fp8' ? 'fp8' : 'bf16',
      nCards: Number(row.tp),
      batch: Number(row.concurrency),
      prompt: Number(row.isl),
      generated: Number(row.osl),
    }),
    predict: (cost) => cost.steadySecondsPerToken,
  }));
}

/** llama.cpp on M2 Ultra: decode rates at four generated lengths; Q4_K_M stands as INT4 in groups of 32. */
export function llamaCppRows(): MeasuredRow[] {
  return readFixtureRows('llamacpp_llama3_bench.csv')
    .filter((row) => row.gpu === 'M2Ultra-76core-192GB')
    .flatMap((row) =>
      [512, 1024, 4096, 8192].map((generated) => ({
        id: `${row.model} tg${generated}`,
        group: row.model!,
        measured: Number(row[`tg${generated}`]),
        accelerator: 'apple-m2-ultra',
        input: inputOf({
          model: row.model!.startsWith('70B') ? 'llama3.1-70b' : 'llama3.1-8b',
          weightFormat: row.model!.endsWith('F16') ? 'fp16' : 'int4-g32',
          nCards: 1,
          batch: 1,
          prompt: 1,
          generated,
        }),
        predict: decodeRate,
      })),
    );
}

const shipped = new Map<string, Accelerator>();

/** An accelerator of the catalogue, read once. */
export function shippedAccelerator(name: string): Accelerator {
  const accelerator = shipped.get(name) ?? loadAccelerator(name);
  shipped.set(name, accelerator);
  return accelerator;
}

/** Signed relative errors of the rows, with their predictions. */
export function predictRows(
  rows: readonly MeasuredRow[],
  accelerators: (name: string) => Accelerator = shippedAccelerator,
): { readonly row: MeasuredRow; readonly predicted: number; readonly error: number }[] {
  const loaded = new Map<string, Accelerator>();
  return rows.map((row) => {
    let accelerator = loaded.get(row.accelerator);
    if (accelerator === undefined) {
      accelerator = accelerators(row.accelerator);
      loaded.set(row.accelerator, accelerator);
    }
    const predicted = row.predict(estimateCost({ ...row.input, accelerator }));
    return { row, predicted, error: predicted / row.measured - 1 };
  });
}
