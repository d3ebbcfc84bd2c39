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
  /** Whose it is: results of one genome at several rungs have more in common than its features say. */
  readonly candidate?: number;
}

export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

export interface Foresight extends Prediction {
  readonly deviationAfter: number;
}

export interface Surrogate {
  readonly hyperparameters: Hyperparameters;
  /** Mean of the noiseless value at a rung: of a candidate, or of any genome with such features. */
  mean(features: readonly number[], rung: number, candidate?: number): number;
  /** The noiseless value at a rung. */
  predict(features: readonly number[], rung: number, hasHeadStart?: boolean): Prediction;
  /** The value at the highest rung, and how unsure it will still be once a result at `rung` is known. */
  foresee(features: readonly number[], rung: number, candidate: number, hasHeadStart?: boolean): Foresight;
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
  own: 0.01,
  growth: 2,
  nugget: 0.0003,
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
  own: [1e-6, 1],
  growth: [1, 5],
  nugget: [1e-6, 1],
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
  const hasCurves = new Set(data.levels.filter(isEarly).map((level) => level.rungsAbove)).size > 1;
  let best = start;
  let most = fitOf(data, best)?.logEvidence ?? Number.NEGATIVE_INFINITY;
  const names = [
    ...(['noise', 'linear', 'spread', 'smooth', 'length'] as const),
    ...(hasRungs ? (['early', 'step'] as const) : []),
    ...(hasCurves ? (['growth', 'own'] as const) : []),
    ...(hasRungs ? (['nugget'] as const) : []),
    ...(hasHeadStarts ? (['headEarly', 'headStep', 'headLag'] as const) : []),
  ];
  for (let sweep = 0; sweep < nSweeps; sweep++) {
    let moved = false;
    for (const name of names) {
      const factor = name === 'growth' ? 1.2 : name === 'length' ? 1.5 : 3;
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

function tuned(
  data: Data,
  starts: readonly [Hyperparameters, Hyperparameters],
  nSweeps: number,
): Hyperparameters {
  const [near, noisy] = [climb(data, starts[0], nSweeps), climb(data, starts[1], nSweeps)];
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
    levels: observations.map(({ rung, startValue, value, candidate }) => ({
      rungsAbove: nRungs - 1 - rung,
      candidate,
      ...(startValue === undefined ? {} : { lag: (startValue - value - usualGain) / spread }),
    })),
    targets,
  };
  // On a single rung what a genome has of its own is its noise, which is tuned.
  const settled = (h: Hyperparameters) => (nRungs === 1 ? { ...h, nugget: 0 } : h);
  const h =
    nSweeps === 0
      ? settled(start)
      : tuned(thinned(rows, data, weights), [settled(start), settled(NOISY)], nSweeps);
  const fit = fitOf(data, h);
  if (fit === undefined) return undefined;

  const levelOf = (rung: number, hasHeadStart = false, candidate?: number): Level => ({
    rungsAbove: nRungs - 1 - rung,
    candidate,
    ...(hasHeadStart ? { lag: 0 } : {}),
  });
  const pairsOf = (x: Float64Array): Likeness => {
    const pairs = emptyLikeness(n + 1);
    for (let i = 0; i < n; i++) compare(x, rows[i]!, weights, pairs, i);
    compare(x, x, weights, pairs, n);
    return pairs;
  };
  const crossed = (pairs: Likeness, level: Level): Float64Array => {
    const k = new Float64Array(n);
    for (let i = 0; i < n; i++) k[i] = covariance(h, pairs, i, level, data.levels[i]!);
    return k;
  };
  const meanOf = (k: Float64Array): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += k[i]! * fit.weights[i]!;
    return mean + spread * sum;
  };
  const product = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const scale = (variance: number) => spread * Math.sqrt(Math.max(variance, 1e-12));
  return {
    hyperparameters: h,
    noiseDeviation: spread * Math.sqrt(h.noise + h.nugget),
    mean: (features, rung, candidate) =>
      meanOf(crossed(pairsOf(scaled(features)), levelOf(rung, false, candidate))),
    predict: (features, rung, hasHeadStart) => {
      const pairs = pairsOf(scaled(features));
      const level = levelOf(rung, hasHeadStart);
      const k = crossed(pairs, level);
      const predicted = meanOf(k);
      const half = solveLower(fit.factor, n, k);
      return {
        mean: predicted,
        deviation: scale(covariance(h, pairs, n, level, level) - product(half, half)),
      };
    },
    foresee: (features, rung, candidate, hasHeadStart) => {
      const pairs = pairsOf(scaled(features));
      const [top, next] = [levelOf(nRungs - 1, false, candidate), levelOf(rung, hasHeadStart, candidate)];
      const k = crossed(pairs, top);
      const predicted = meanOf(k);
      const a = solveLower(fit.factor, n, k);
      const b = solveLower(fit.factor, n, crossed(pairs, next));
      const variance = covariance(h, pairs, n, top, top) - product(a, a);
      const shared = covariance(h, pairs, n, top, next) - product(a, b);
      const seen = covariance(h, pairs, n, next, next) - product(b, b) + noiseVariance(h, next);
      const left = variance - (shared * shared) / seen;
      return { mean: predicted, deviation: scale(variance), deviationAfter: scale(left) };
    },
  };
}
