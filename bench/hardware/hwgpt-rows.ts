// HW-GPT-Bench's small space as calibration rows: one forward pass with all logits, batch 8 x 1024 tokens.
import type { CalibrationRow } from '../../hardware/calibrate.ts';
import { uniformDeployment } from '../../hardware/index.ts';
import { HOUSE_DETAILS, type ModelShape } from '../../hardware/model-shape.ts';
import { readFixtureRows } from './csv.ts';

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
export function hwgptCalibrationRows(rows: readonly HwgptRow[], device: HwgptDevice): CalibrationRow[] {
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
