// A Gaussian process of the loss over the features of a genome, across rungs.
import { choleskyInPlace, solveLower, solveUpper } from './cholesky.ts';
import {
  compare,
  covariance,
  emptyLikeness,
  type Hyperparameters,
  type Level,
  type Likeness,
  likenessWithin,
  noiseVariance,
  relevanceOf,
} from './kernel.ts';

export interface Observation {
  readonly features: readonly number[];
  readonly rung: number;
  /** The value when training began, where it had a head start. */
  readonly startValue?: number;
  readonly value: number;
}

export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

export interface Surrogate {
  readonly hyperparameters: Hyperparameters;
  /** Mean of the noiseless value at a rung. */
  mean(features: readonly number[], rung: number): number;
  /** The noiseless value at a rung. */
  predict(features: readonly number[], rung: number, hasHeadStart?: boolean): Prediction;
  /** Standard deviation of the noise of one observation. */
  readonly noiseDeviation: number;
}

const START: Hyperparameters = {
  linear: 1,
  spread: 0.1,
  smooth: 0.1,
  length: 1,
  noise: 0.003,
  early: 0.01,
  step: 0.1,
  headEarly: 0.01,
  headStep: 0.01,
  headLag: 0.01,
};
const BOUNDS: { readonly [K in keyof Hyperparameters]: readonly [number, number] } = {
  linear: [1e-3, 1e3],
  spread: [1e-4, 1e3],
  smooth: [1e-4, 30],
  length: [0.25, 8],
  noise: [1e-6, 1],
  early: [1e-6, 1],
  step: [1e-4, 10],
  headEarly: [1e-6, 1],
  headStep: [1e-4, 10],
  headLag: [1e-5, 10],
};
/** Centres and scales each feature; features that never vary drop out. */
function standardiser(rows: readonly (readonly number[])[]): (features: readonly number[]) => Float64Array {
  const n = rows.length;
  const width = rows[0]?.length ?? 0;
  const kept: { at: number; mean: number; scale: number }[] = [];
  for (let at = 0; at < width; at++) {
    const mean = rows.reduce((sum, row) => sum + row[at]!, 0) / n;
    const variance = rows.reduce((sum, row) => sum + (row[at]! - mean) ** 2, 0) / n;
    if (variance > 1e-18 * (1 + mean * mean)) kept.push({ at, mean, scale: 1 / Math.sqrt(variance) });
  }
  return (features) => {
    const out = new Float64Array(kept.length);
    for (const [k, { at, mean, scale }] of kept.entries()) out[k] = (features[at]! - mean) * scale;
    return out;
  };
}

interface Data {
  readonly n: number;
  readonly pairs: Likeness;
  readonly levels: readonly Level[];
  readonly targets: Float64Array;
}

interface Fit {
  readonly factor: Float64Array;
  readonly weights: Float64Array;
  readonly logEvidence: number;
}

function fitOf(data: Data, h: Hyperparameters): Fit | undefined {
  const { n } = data;
  const matrix = new Float64Array(n * n);
  let pair = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      matrix[i * n + j] = covariance(h, data.pairs, pair++, data.levels[i]!, data.levels[j]!);
    }
    matrix[i * n + i]! += noiseVariance(h, data.levels[i]!) + 1e-8;
  }
  const factor = choleskyInPlace(matrix, n);
  if (factor === undefined) return undefined;
  const half = solveLower(factor, n, data.targets.slice());
  let logEvidence = 0;
  for (let i = 0; i < n; i++) logEvidence -= 0.5 * half[i]! ** 2 + Math.log(factor[i * n + i]!);
  return { factor, weights: solveUpper(factor, n, half), logEvidence };
}

/** Observations that hyperparameters are searched on: evidence is cubic in their number. */
const MAX_TUNING = 160;

/** Evenly many of the observations, at most {@link MAX_TUNING}. */
function thinned(rows: readonly Float64Array[], data: Data, weights: Float64Array): Data {
  if (data.n <= MAX_TUNING) return data;
  const kept = Array.from({ length: MAX_TUNING }, (_, k) => Math.floor((k * data.n) / MAX_TUNING));
  return {
    n: MAX_TUNING,
    pairs: likenessWithin(
      kept.map((at) => rows[at]!),
      weights,
    ),
    levels: kept.map((at) => data.levels[at]!),
    targets: Float64Array.from(kept, (at) => data.targets[at]!),
  };
}

/** Climbs the evidence by tripling and dividing one hyperparameter at a time. */
function climb(data: Data, start: Hyperparameters, nSweeps: number) {
  const isEarly = ({ rungsAbove }: Level) => rungsAbove > 0;
  const hasRungs = data.levels.some((level) => isEarly(level) && level.lag === undefined);
  const hasHeadStarts = data.levels.some((level) => isEarly(level) && level.lag !== undefined);
  let best = start;
  let most = fitOf(data, best)?.logEvidence ?? Number.NEGATIVE_INFINITY;
  const names = [
    ...(['noise', 'linear', 'spread', 'smooth', 'length'] as const),
    ...(hasRungs ? (['early', 'step'] as const) : []),
    ...(hasHeadStarts ? (['headEarly', 'headStep', 'headLag'] as const) : []),
  ];
  for (let sweep = 0; sweep < nSweeps; sweep++) {
    let moved = false;
    for (const name of names) {
      const factor = name === 'length' ? 1.5 : 3;
      for (const next of [best[name] * factor, best[name] / factor]) {
        if (next < BOUNDS[name][0] || next > BOUNDS[name][1]) continue;
        const trial = { ...best, [name]: next };
        const evidence = fitOf(data, trial)?.logEvidence ?? Number.NEGATIVE_INFINITY;
        if (evidence <= most) continue;
        [best, most, moved] = [trial, evidence, true];
        break;
      }
    }
    if (!moved) break;
  }
  return { best, most };
}

/** Where a climb also starts: much noise and little else, so that noise is not taken for a rough function. */
const NOISY: Hyperparameters = { ...START, smooth: 0.01, length: 2, noise: 0.1 };

function tuned(data: Data, start: Hyperparameters, nSweeps: number): Hyperparameters {
  const [near, noisy] = [climb(data, start, nSweeps), climb(data, NOISY, nSweeps)];
  return noisy.most > near.most ? noisy.best : near.best;
}

/**
 * Fits the process to the observations. `nSweeps` bounds the search for hyperparameters, which starts at `start`;
 * 0 keeps them. Undefined where there are fewer than 3 observations or the matrix cannot be factored.
 */
export function fitSurrogate(
  observations: readonly Observation[],
  nRungs: number,
  nSweeps: number,
  start: Hyperparameters = START,
): Surrogate | undefined {
  const n = observations.length;
  if (n < 3) return undefined;
  const scaled = standardiser(observations.map((one) => one.features));
  const mean = observations.reduce((sum, one) => sum + one.value, 0) / n;
  const spread = Math.sqrt(observations.reduce((sum, one) => sum + (one.value - mean) ** 2, 0) / n) || 1;
  const rows = observations.map((one) => scaled(one.features));
  const targets = Float64Array.from(observations, (one) => (one.value - mean) / spread);
  const gains = observations.flatMap(({ startValue, value }) =>
    startValue === undefined ? [] : startValue - value,
  );
  const usualGain = gains.reduce((sum, gain) => sum + gain, 0) / Math.max(1, gains.length);
  const weights = relevanceOf(rows, targets);
  const data: Data = {
    n,
    pairs: likenessWithin(rows, weights),
    levels: observations.map(({ rung, startValue, value }) => ({
      rungsAbove: nRungs - 1 - rung,
      ...(startValue === undefined ? {} : { lag: (startValue - value - usualGain) / spread }),
    })),
    targets,
  };
  const h = nSweeps === 0 ? start : tuned(thinned(rows, data, weights), start, nSweeps);
  const fit = fitOf(data, h);
  if (fit === undefined) return undefined;

  const crossed = (x: Float64Array, rung: number, hasHeadStart = false): { k: Float64Array; own: number } => {
    const level = { rungsAbove: nRungs - 1 - rung, ...(hasHeadStart ? { lag: 0 } : {}) };
    const k = new Float64Array(n);
    const pairs = emptyLikeness(n + 1);
    for (let i = 0; i < n; i++) {
      compare(x, rows[i]!, weights, pairs, i);
      k[i] = covariance(h, pairs, i, level, data.levels[i]!);
    }
    compare(x, x, weights, pairs, n);
    return { k, own: covariance(h, pairs, n, level, level) };
  };
  const meanOf = (k: Float64Array): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += k[i]! * fit.weights[i]!;
    return mean + spread * sum;
  };
  return {
    hyperparameters: h,
    noiseDeviation: spread * Math.sqrt(h.noise),
    mean: (features, rung) => meanOf(crossed(scaled(features), rung).k),
    predict: (features, rung, hasHeadStart) => {
      const { k, own } = crossed(scaled(features), rung, hasHeadStart);
      const predicted = meanOf(k);
      const half = solveLower(fit.factor, n, k);
      const variance = own - half.reduce((sum, value) => sum + value * value, 0);
      return { mean: predicted, deviation: spread * Math.sqrt(Math.max(variance, 1e-12)) };
    },
  };
}
