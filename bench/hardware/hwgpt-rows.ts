// HW-GPT-Bench's small space as calibration rows: one forward pass with all logits, batch 8 x 1024 tokens.
import type { Accelerator } from '../../hardware/accelerator.ts';
import {
  type CalibrationRow,
  calibrate,
  readAcceleratorFile,
  scoringSeconds,
  toAccelerator,
  uniformDeployment,
} from '../../hardware/index.ts';
import { HOUSE_DETAILS, type ModelShape } from '../../hardware/model-shape.ts';
import { readFixtureRows } from './csv.ts';
import { meanAbsolute, rankCorrelation } from './statistics.ts';

export const HWGPT_DEVICES = ['a100', 'h100', 'a6000'] as const;
export type HwgptDevice = (typeof HWGPT_DEVICES)[number];

export const HWGPT_BATCH = 8;
export const HWGPT_TOKENS = 1024;

export interface HwgptRow {
  readonly architecture: ModelShape;
  readonly parameters: number;
  readonly macs: number;
  readonly latencyMilliseconds: Readonly<Record<HwgptDevice, number>>;
}

/** The 1,500 architectures: LayerNorm, three-matrix feed-forward, head size 64, untied embeddings. */
export function hwgptRows(): HwgptRow[] {
  return readFixtureRows('hwgpt_s_1500.csv').map((row) => {
    const dModel = Number(row.embed_dim);
    const ratios = row.mlp_ratios!.split('-').map(Number);
    const heads = row.n_heads!.split('-').map(Number);
    const bias = row.bias === '1';
    return {
      architecture: {
        dModel,
        headDim: 64,
        vocabSize: 50_254,
        contextLength: HWGPT_TOKENS,
        tieEmbeddings: false,
        ropeTheta: 10_000,
        layers: heads.map((nHeads, i) => ({ nHeads, nKvHeads: nHeads, dFf: ratios[i]! * dModel })),
        details: {
          ...HOUSE_DETAILS,
          normWidths: 2,
          qkvBias: bias,
          attentionOutputBias: bias,
          feedForwardBias: bias,
        },
      },
      parameters: Number(row.params),
      macs: Number(row.macs),
      latencyMilliseconds: {
        a100: Number(row.lat_ms_a100),
        h100: Number(row.lat_ms_h100),
        a6000: Number(row.lat_ms_a6000),
      },
    };
  });
}

/** Rows of one device for {@link calibrate}. */
function hwgptCalibrationRows(rows: readonly HwgptRow[], device: HwgptDevice): CalibrationRow[] {
  return rows.map((row, i) => ({
    input: {
      architecture: row.architecture,
      deployment: uniformDeployment(row.architecture.layers.length),
      workload: { batch: HWGPT_BATCH, promptTokens: HWGPT_TOKENS, generatedTokens: 0 },
    },
    metric: 'scoringSeconds',
    measured: row.latencyMilliseconds[device] / 1e3,
    group: `architecture ${i}`,
  }));
}

/** Where each device's fit starts. */
const BASE: Readonly<Record<HwgptDevice, string>> = {
  a100: 'nvidia-a100-80gb',
  h100: 'nvidia-h100-sxm',
  a6000: 'nvidia-a6000',
};

export interface HwgptFit {
  readonly nTrained: number;
  readonly nTested: number;
  /** As shipped, and after the fit, on architectures that the fit has not seen. */
  readonly meanErrorBefore: number;
  readonly meanError: number;
  readonly rankByWidth: Readonly<Record<number, number>>;
}

/** Fits every 15th architecture (100 of 1,500) and predicts the others. */
export function hwgptFit(device: HwgptDevice, maxEvaluations = 700): HwgptFit {
  const architectures = hwgptRows();
  const rows = hwgptCalibrationRows(architectures, device);
  const isTrained = (_: unknown, i: number) => i % 15 === 0;
  const trained = rows.filter(isTrained);
  const file = readAcceleratorFile(BASE[device]);
  const { file: fitted } = calibrate(file, trained, {
    name: `hwgpt-${device}`,
    source: 'HW-GPT-Bench',
    maxEvaluations,
    maxFolds: 1,
  });
  const tested = rows.filter((row, i) => !isTrained(row, i));
  const predictions = (accelerator: Accelerator) =>
    tested.map((row) => scoringSeconds({ ...row.input, accelerator }));
  const errorOf = (predicted: readonly number[]) =>
    meanAbsolute(predicted.map((seconds, i) => seconds / tested[i]!.measured - 1));
  const predicted = predictions(toAccelerator(fitted));
  const widths = [...new Set(architectures.map((row) => row.architecture.dModel))].sort((a, b) => a - b);
  const rankOf = (width: number) => {
    const members = tested.flatMap((row, i) => (row.input.architecture.dModel === width ? [i] : []));
    return rankCorrelation(
      members.map((i) => predicted[i]!),
      members.map((i) => tested[i]!.measured),
    );
  };
  return {
    nTrained: trained.length,
    nTested: tested.length,
    meanErrorBefore: errorOf(predictions(toAccelerator(file))),
    meanError: errorOf(predicted),
    rankByWidth: Object.fromEntries(widths.map((width) => [width, rankOf(width)])),
  };
}
