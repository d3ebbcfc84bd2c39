// Predicts how much a deployment raises the loss from how much it disturbs each part of the model, learnt from
// deployments that were measured: change = (sum over parts of a_j x_j + b_j x_j^2)^p with a_j, b_j >= 0. The square
// is there because large disturbances hurt more than in proportion, p < 1 because the loss of a ruined model cannot
// rise for ever. Parts are drawn towards each other where measurements say little.

export interface LossObservation {
  /** From a `NoiseProfile`. */
  readonly features: Float64Array;
  /** Bits per byte above the loss of the model as it was trained. */
  readonly lossChange: number;
}

export interface LossChangePredictor {
  predict(features: Float64Array): number;
  readonly power: number;
  /** Mean absolute error on observations left out of the fit, one at a time. */
  readonly leftOutError: number;
}

const POWERS = [0.6, 0.8, 1, 1.25];
const RIDGES = [1e-5, 1e-3, 1e-2, 0.1];
/** Exponents of a part's disturbance. */
const ORDERS = [1, 2] as const;
/** Changes below this are noise of the measurement, bits per byte. */
const FLOOR = 1e-4;
const SWEEPS = 400;

interface Fit {
  /** By part and order: a_0, b_0, a_1, b_1, ... */
  readonly coefficients: Float64Array;
  readonly power: number;
}

/** x_0, x_0^2, x_1, x_1^2, ... */
const expand = (features: Float64Array): number[] =>
  [...features].flatMap((x) => ORDERS.map((order) => x ** order));

interface LeastSquares {
  readonly rows: readonly (readonly number[])[];
  readonly goals: readonly number[];
  readonly importance: readonly number[];
}

/** Coordinate descent to the least weighted squares with coefficients >= 0, each held to its `prior` by `penalty`. */
function fitNonNegative(
  { rows, goals, importance }: LeastSquares,
  prior: readonly number[],
  penalty: readonly number[],
): Float64Array {
  const coefficients = Float64Array.from(prior);
  const residuals = goals.map(
    (goal, i) => goal - rows[i]!.reduce((sum, x, j) => sum + x * coefficients[j]!, 0),
  );
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let j = 0; j < coefficients.length; j++) {
      let [gradient, curvature] = [0, 0];
      for (let i = 0; i < rows.length; i++) {
        const x = rows[i]![j]!;
        gradient += importance[i]! * x * residuals[i]!;
        curvature += importance[i]! * x * x;
      }
      const old = coefficients[j]!;
      const held = curvature + penalty[j]!;
      if (held === 0) continue;
      const next = Math.max(0, (gradient + curvature * old + penalty[j]! * prior[j]!) / held);
      if (next === old) continue;
      coefficients[j] = next;
      for (let i = 0; i < rows.length; i++) residuals[i] = residuals[i]! - (next - old) * rows[i]![j]!;
    }
  }
  return coefficients;
}

/** Least squares on change^(1/p): first one coefficient an order for all parts, then each part's own. */
function fitPower(observations: readonly LossObservation[], power: number, ridge: number): Fit {
  const rows = observations.map(({ features }) => expand(features));
  const goals = observations.map(({ lossChange }) => Math.max(lossChange, FLOOR) ** (1 / power));
  // Between absolute and relative errors: small changes decide about mild deployments, large ones rule others out.
  const importance = goals.map((goal) => 1 / goal);
  const summed = rows.map((row) =>
    ORDERS.map((_, order) => row.reduce((sum, x, j) => (j % ORDERS.length === order ? sum + x : sum), 0)),
  );
  const none = ORDERS.map(() => 0);
  const common = fitNonNegative({ rows: summed, goals, importance }, none, none);
  const least = Math.max(0.05 * Math.max(...common), Number.MIN_VALUE ** 0.25);
  const prior = rows[0]!.map((_, j) => common[j % ORDERS.length]!);
  const penalty = prior.map((value) => (ridge * observations.length) / Math.max(value, least) ** 2);
  return { coefficients: fitNonNegative({ rows, goals, importance }, prior, penalty), power };
}

function predictWith({ coefficients, power }: Fit, features: Float64Array): number {
  return expand(features).reduce((sum, x, j) => sum + coefficients[j]! * x, 0) ** power;
}

/** Mean absolute error over observations that each fit has not seen. */
function leftOutError(observations: readonly LossObservation[], power: number, ridge: number): number {
  let error = 0;
  observations.forEach(({ features, lossChange }, left) => {
    const fit = fitPower(
      observations.filter((_, i) => i !== left),
      power,
      ridge,
    );
    error += Math.abs(predictWith(fit, features) - lossChange) / observations.length;
  });
  return error;
}

/**
 * Learns from measured deployments; power and ridge are those that predict left-out observations best.
 * @throws RangeError for fewer than three observations.
 */
export function fitLossChange(observations: readonly LossObservation[]): LossChangePredictor {
  if (observations.length < 3) {
    throw new RangeError(`a prediction needs at least 3 measured deployments, got ${observations.length}`);
  }
  let best = { power: 1, ridge: RIDGES[0]!, error: Number.POSITIVE_INFINITY };
  for (const power of POWERS) {
    for (const ridge of RIDGES) {
      const error = leftOutError(observations, power, ridge);
      if (error < best.error) best = { power, ridge, error };
    }
  }
  const fit = fitPower(observations, best.power, best.ridge);
  return {
    predict: (features) => predictWith(fit, features),
    power: best.power,
    leftOutError: best.error,
  };
}
