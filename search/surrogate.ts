// A Gaussian process of the loss over the features of a genome, across rungs.
import { choleskyInPlace, solveLower, solveUpper } from './cholesky.ts';

export interface Observation {
  readonly features: readonly number[];
  readonly rung: number;
  readonly value: number;
}

export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

/** Variances and lengths in units of the standardised values and features. */
export interface Hyperparameters {
  /** Of the part that is linear in the features. */
  readonly linear: number;
  /** Of the smooth rest (Matern 5/2). */
  readonly smooth: number;
  readonly length: number;
  readonly noise: number;
  /** Of the difference between one rung and the next. */
  readonly step: number;
}

export interface Surrogate {
  readonly hyperparameters: Hyperparameters;
  /** Mean of the noiseless value at a rung. */
  mean(features: readonly number[], rung: number): number;
  /** The noiseless value at a rung. */
  predict(features: readonly number[], rung: number): Prediction;
  /** Standard deviation of the noise of one observation. */
  readonly noiseDeviation: number;
}

const START: Hyperparameters = { linear: 1, smooth: 0.2, length: 1, noise: 0.01, step: 0.1 };
const BOUNDS: { readonly [K in keyof Hyperparameters]: readonly [number, number] } = {
  linear: [1e-3, 1e3],
  smooth: [1e-4, 30],
  length: [0.25, 8],
  noise: [1e-6, 1],
  step: [1e-4, 10],
};
/** Variance of a constant shift: large, as nothing is known of it. */
const SHIFT = 4;

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

/** Inner products and squared distances per feature, the raw material of every kernel. */
interface Pairs {
  readonly inner: Float64Array;
  readonly distance2: Float64Array;
}

function pairsOf(rows: readonly Float64Array[]): Pairs {
  const n = rows.length;
  const width = Math.max(1, rows[0]?.length ?? 0);
  const inner = new Float64Array(n * n);
  const distance2 = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0;
      let square = 0;
      const a = rows[i]!;
      const b = rows[j]!;
      for (let k = 0; k < a.length; k++) {
        product += a[k]! * b[k]!;
        square += (a[k]! - b[k]!) ** 2;
      }
      inner[i * n + j] = product / width;
      distance2[i * n + j] = square / width;
    }
  }
  return { inner, distance2 };
}

function matern52(distance2: number, length: number): number {
  const r = Math.sqrt(5 * distance2) / length;
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/**
 * Covariance of the values of two genomes at two rungs: a common part, and one more for each rung that both still
 * have above them, so that the top rung is the common part alone (autoregressive, as Kennedy and O'Hagan 2000).
 */
function covariance(h: Hyperparameters, inner: number, distance2: number, rungsAbove: number): number {
  const smooth = matern52(distance2, h.length);
  const common = SHIFT + h.linear * inner + h.smooth * smooth;
  return rungsAbove === 0 ? common : common + rungsAbove * (SHIFT + h.step * (inner + smooth));
}

interface Data {
  readonly rows: readonly Float64Array[];
  readonly pairs: Pairs;
  readonly rungsAbove: readonly number[];
  readonly targets: Float64Array;
}

interface Fit {
  readonly factor: Float64Array;
  readonly weights: Float64Array;
  readonly logEvidence: number;
}

function fitOf(data: Data, h: Hyperparameters): Fit | undefined {
  const n = data.rows.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const at = i * n + j;
      const above = Math.min(data.rungsAbove[i]!, data.rungsAbove[j]!);
      matrix[at] = covariance(h, data.pairs.inner[at]!, data.pairs.distance2[at]!, above);
    }
    matrix[i * n + i]! += h.noise + 1e-8;
  }
  const factor = choleskyInPlace(matrix, n);
  if (factor === undefined) return undefined;
  const half = solveLower(factor, n, data.targets.slice());
  let logEvidence = 0;
  for (let i = 0; i < n; i++) logEvidence -= 0.5 * half[i]! ** 2 + Math.log(factor[i * n + i]!);
  return { factor, weights: solveUpper(factor, n, half), logEvidence };
}

/** Climbs the evidence by doubling and halving one hyperparameter at a time. */
function improve(data: Data, start: Hyperparameters, nSweeps: number, hasRungs: boolean) {
  let best = start;
  let fit = fitOf(data, best);
  const names = (['noise', 'linear', 'smooth', 'length', 'step'] as const).filter(
    (name) => hasRungs || name !== 'step',
  );
  for (let sweep = 0; sweep < nSweeps; sweep++) {
    let moved = false;
    for (const name of names) {
      const factor = name === 'length' ? 1.5 : 3;
      for (const next of [best[name] * factor, best[name] / factor]) {
        if (next < BOUNDS[name][0] || next > BOUNDS[name][1]) continue;
        const trial = { ...best, [name]: next };
        const trialFit = fitOf(data, trial);
        if (trialFit === undefined || (fit !== undefined && trialFit.logEvidence <= fit.logEvidence))
          continue;
        [best, fit, moved] = [trial, trialFit, true];
        break;
      }
    }
    if (!moved) break;
  }
  return { hyperparameters: best, fit };
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
  const data: Data = {
    rows,
    pairs: pairsOf(rows),
    rungsAbove: observations.map((one) => nRungs - 1 - one.rung),
    targets: Float64Array.from(observations, (one) => (one.value - mean) / spread),
  };
  const hasRungs = data.rungsAbove.some((above) => above > 0);
  const { hyperparameters: h, fit } = improve(data, start, nSweeps, hasRungs);
  if (fit === undefined) return undefined;

  const crossed = (x: Float64Array, rung: number): { k: Float64Array; own: number } => {
    const above = nRungs - 1 - rung;
    const k = new Float64Array(n);
    const width = Math.max(1, x.length);
    for (let i = 0; i < n; i++) {
      const row = rows[i]!;
      let product = 0;
      let square = 0;
      for (let j = 0; j < x.length; j++) {
        product += x[j]! * row[j]!;
        square += (x[j]! - row[j]!) ** 2;
      }
      k[i] = covariance(h, product / width, square / width, Math.min(above, data.rungsAbove[i]!));
    }
    const square = x.reduce((sum, value) => sum + value * value, 0) / width;
    return { k, own: covariance(h, square, 0, above) };
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
    predict: (features, rung) => {
      const { k, own } = crossed(scaled(features), rung);
      const predicted = meanOf(k);
      const half = solveLower(fit.factor, n, k);
      const variance = own - half.reduce((sum, value) => sum + value * value, 0);
      return { mean: predicted, deviation: spread * Math.sqrt(Math.max(variance, 1e-12)) };
    },
  };
}
