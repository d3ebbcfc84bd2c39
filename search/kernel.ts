// The kernel of the surrogate: what two genomes at two rungs have in common.

/** Variances and lengths in units of the standardised values and features. */
export interface Hyperparameters {
  /** Of the part that is linear in the features which correlate with the value. */
  readonly linear: number;
  /** Of the part that is linear in all features alike, and may change with the correlated ones. */
  readonly spread: number;
  /** Of the smooth rest (Matern 5/2) over the correlated features. */
  readonly smooth: number;
  readonly length: number;
  readonly noise: number;
  /** Of the additional noise of each rung below the highest: early results are less sure. */
  readonly early: number;
  /** Of the difference between one rung and the next. */
  readonly step: number;
  /** Of a genome's own way to learn: a curve that no feature tells, shared by its rungs below the highest. */
  readonly own: number;
  /** How much larger what a rung has still to gain is than that of the rung above. */
  readonly growth: number;
  /** Of what a genome has of its own at every rung. */
  readonly nugget: number;
  /** The same two of results with a head start. */
  readonly headEarly: number;
  readonly headStep: number;
  /** Of what is still to repair, for each unit that was repaired. */
  readonly headLag: number;
}

/** How far a result is from a full training of its own. */
export interface Level {
  readonly rungsAbove: number;
  /**
   * Present where training had a head start, which at the highest rung makes no difference: how much more than usual
   * training had to repair.
   */
  readonly lag?: number;
  /** Whose result it is. */
  readonly candidate?: number | undefined;
}

/** Variance of a constant shift: large, as nothing is known of it. */
const SHIFT = 4;

/** Squared correlation of a centred column with the standardised values; 0 where the column does not vary. */
function correlation2(column: readonly number[], targets: Float64Array): number {
  let product = 0;
  let square = 0;
  for (const [i, value] of column.entries()) {
    product += value * targets[i]!;
    square += value * value;
  }
  return square < 1e-9 * column.length ? 0 : product ** 2 / (square * column.length);
}

/**
 * Weights of the features, summing to 1: what they explain of the values, straight and squared, less what chance gives. A few
 * features (size, above all) explain most of a loss; equal weights would drown them while results are few.
 */
export function relevanceOf(rows: readonly Float64Array[], targets: Float64Array): Float64Array {
  const n = rows.length;
  const width = rows[0]!.length;
  const weights = new Float64Array(width);
  for (let k = 0; k < width; k++) {
    const column = rows.map((row) => row[k]!);
    const squares = column.map((value) => value * value - 1);
    const explained = correlation2(column, targets) + correlation2(squares, targets);
    weights[k] = Math.max(0, explained - 3 / n) + 0.02 / width;
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** What pairs of genomes have in common, of which every kernel is made. */
export interface Likeness {
  /** Inner products, and squared distances, under the weights. */
  readonly weighted: Float64Array;
  readonly distance2: Float64Array;
  /** Mean products over all features. */
  readonly plain: Float64Array;
}

export function emptyLikeness(nPairs: number): Likeness {
  return {
    weighted: new Float64Array(nPairs),
    distance2: new Float64Array(nPairs),
    plain: new Float64Array(nPairs),
  };
}

export function compare(
  a: Float64Array,
  b: Float64Array,
  weights: Float64Array,
  into: Likeness,
  at: number,
): void {
  let weighted = 0;
  let distance2 = 0;
  let plain = 0;
  for (let k = 0; k < a.length; k++) {
    const product = a[k]! * b[k]!;
    const gap = a[k]! - b[k]!;
    plain += product;
    weighted += weights[k]! * product;
    distance2 += weights[k]! * gap * gap;
  }
  into.weighted[at] = weighted;
  into.distance2[at] = distance2;
  into.plain[at] = plain / Math.max(1, a.length);
}

/** The lower triangle, row by row. */
export function likenessWithin(rows: readonly Float64Array[], weights: Float64Array): Likeness {
  const pairs = emptyLikeness((rows.length * (rows.length + 1)) / 2);
  let at = 0;
  for (const [i, a] of rows.entries())
    for (let j = 0; j <= i; j++) compare(a, rows[j]!, weights, pairs, at++);
  return pairs;
}

function matern52(distance2: number, length: number): number {
  const r = Math.sqrt(5 * distance2) / length;
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/**
 * Covariance of the values of two genomes at two levels: a common part, which is all at the top rung (autoregressive,
 * as Kennedy and O'Hagan 2000), and what training has still to gain. That is a curve: each genome has its own height,
 * partly told by its features, and `growth` says how it falls from rung to rung, so that two early results foretell the
 * last (as in freeze-thaw optimisation, Swersky et al. 2014). What began ahead differs from the top in its own way.
 */
export function covariance(h: Hyperparameters, of: Likeness, at: number, one: Level, other: Level): number {
  const smooth = matern52(of.distance2[at]!, h.length);
  const weighted = of.weighted[at]!;
  const isSame = one.candidate !== undefined && one.candidate === other.candidate;
  const common =
    SHIFT +
    h.linear * weighted +
    h.spread * of.plain[at]! * 0.5 * (1 + smooth) +
    h.smooth * smooth +
    (isSame ? h.nugget : 0);
  const rungsAbove = Math.min(one.rungsAbove, other.rungsAbove);
  if (rungsAbove === 0 || (one.lag === undefined) !== (other.lag === undefined)) return common;
  const curve = h.growth ** (one.rungsAbove + other.rungsAbove - 2);
  const own = isSame ? curve * h.own : 0;
  if (one.lag === undefined)
    return common + own + (rungsAbove + curve) * SHIFT + curve * h.step * (weighted + smooth);
  const lags = h.headLag * one.lag * other.lag!;
  return common + own + rungsAbove * (SHIFT + h.headStep * (weighted + smooth) + lags);
}

/** Variance of the noise of one observation. */
export function noiseVariance(h: Hyperparameters, { rungsAbove, lag }: Level): number {
  if (rungsAbove === 0) return h.noise;
  return h.noise + h.growth ** (2 * rungsAbove - 2) * (lag === undefined ? h.early : h.headEarly);
}
