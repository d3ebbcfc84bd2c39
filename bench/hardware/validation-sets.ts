// The validation table: every set of measured rows with its target, and whether a fit has seen its rows.
import { idealOf } from './ideal.ts';
import {
  ai100Rows,
  gptFastRows,
  h100ServingRows,
  llamaCppRows,
  llmViewerRows,
  type MeasuredRow,
  predictRows,
  shippedAccelerator,
  trtllmFirstTokenRows,
  trtllmStaticRows,
} from './measured-rows.ts';
import { meanAbsolute, medianAbsolute, rankCorrelation } from './statistics.ts';

export interface ValidationSet {
  readonly name: string;
  readonly rows: readonly MeasuredRow[];
  /** How the coefficients know these rows. */
  readonly seen: string;
  readonly targetMean?: number;
  readonly targetMedian?: number;
  readonly targetRank?: number;
}

export interface ValidationResult extends ValidationSet {
  readonly mean: number;
  readonly median: number;
  readonly worst: number;
  readonly rank: number;
  readonly idealMean: number;
}

/** All sets. Percentages are ratios here: 0.05 is 5 %. */
export function validationSets(): ValidationSet[] {
  const serving = h100ServingRows();
  const isSeen = (_: unknown, i: number) => i % 2 === 0;
  const firstToken = trtllmFirstTokenRows();
  const on = (accelerator: string) => firstToken.filter((row) => row.accelerator === accelerator);
  const viewer = llmViewerRows();
  return [
    {
      name: 'AI 100 Ultra decode, without opt-6.7b',
      rows: ai100Rows('AI100-Ultra').filter((row) => row.group !== 'opt-6.7b'),
      seen: 'two numbers fitted to them',
      targetMean: 0.05,
    },
    {
      name: 'AI 100 Standard decode',
      rows: ai100Rows('AI100-Std'),
      seen: 'unseen',
      targetMean: 0.2,
    },
    {
      name: 'A100 gpt-fast decode, 16 bits',
      rows: gptFastRows().filter((row) => row.group.includes('BF16')),
      seen: 'unseen',
      targetMean: 0.1,
    },
    {
      name: 'A100 gpt-fast decode, 8 and 4 bits',
      rows: gptFastRows().filter((row) => !row.group.includes('BF16')),
      seen: 'three numbers fitted to them',
      targetMean: 0.1,
    },
    {
      name: 'A100 TensorRT-LLM static batches, MHA models',
      rows: trtllmStaticRows().filter((row) => /GPT-J|7B/.test(row.group)),
      seen: 'unseen',
      targetMean: 0.12,
    },
    {
      name: 'A100 TensorRT-LLM static batches, grouped queries',
      rows: trtllmStaticRows().filter((row) => !/GPT-J|7B/.test(row.group)),
      seen: 'one number fitted to three of them',
      targetMean: 0.12,
    },
    {
      name: 'A100 TensorRT-LLM rows of LLM-Viewer issue 4',
      rows: viewer,
      seen: 'unseen',
      targetMean: 0.1,
    },
    { name: 'A100 unloaded first token', rows: on('nvidia-a100-80gb'), seen: 'unseen', targetMean: 0.25 },
    { name: 'H100 unloaded first token', rows: on('nvidia-h100-sxm'), seen: 'unseen', targetMean: 0.25 },
    { name: 'L40S unloaded first token', rows: on('nvidia-l40s'), seen: 'unseen', targetMean: 0.25 },
    {
      name: 'H100 serving, half that was held out',
      rows: serving.filter((row, i) => !isSeen(row, i)),
      seen: 'unseen',
      targetMedian: 0.12,
      targetRank: 0.95,
    },
    {
      name: 'H100 serving, half that was fitted',
      rows: serving.filter(isSeen),
      seen: 'five numbers fitted to them',
      targetMedian: 0.12,
      targetRank: 0.95,
    },
    {
      name: 'M2 Ultra llama.cpp decode',
      rows: llamaCppRows(),
      seen: 'eight numbers fitted to them',
      targetMean: 0.2,
    },
  ];
}

/** Predicts a set with the shipped coefficients, and with the ideal roofline for comparison. */
export function validate(set: ValidationSet): ValidationResult {
  const results = predictRows(set.rows);
  const ideal = predictRows(set.rows, (name) => idealOf(shippedAccelerator(name)));
  const errors = results.map(({ error }) => error);
  return {
    ...set,
    mean: meanAbsolute(errors),
    median: medianAbsolute(errors),
    worst: Math.max(...errors.map(Math.abs)),
    rank: rankCorrelation(
      results.map(({ predicted }) => predicted),
      set.rows.map(({ measured }) => measured),
    ),
    idealMean: meanAbsolute(ideal.map(({ error }) => error)),
  };
}

/** True where every stated target is met. */
export function meetsTargets(result: ValidationResult): boolean {
  return (
    result.mean <= (result.targetMean ?? Infinity) &&
    result.median <= (result.targetMedian ?? Infinity) &&
    result.rank >= (result.targetRank ?? -1)
  );
}
