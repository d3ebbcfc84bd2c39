// Predicts how much a deployment raises the loss from how much it disturbs each part of the model, learnt from
// deployments that were measured: change = (sum of c_j * disturbance_j)^p with c_j >= 0. The parts' shares are drawn
// towards each other where measurements say little, and p > 1 lets disturbances add up to more than their sum.

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

const POWERS = [0.6, 0.8, 1, 1.25, 1.5, 2, 3];
const RIDGES = [1e-5, 1e-3, 1e-2, 0.1];
/** Changes below this are noise of the measurement, bits per byte. */
const FLOOR = 1e-4;
const SWEEPS = 300;

interface Fit {
  readonly coefficients: Float64Array;
  readonly power: number;
}

/**
 * Least squares on change^(1/p), by coordinate descent with coefficients kept non-negative; the penalty is on each
 * coefficient's distance from the common one, both in units of the typical feature.
 */
function fitPower(observations: readonly LossObservation[], power: number, ridge: number): Fit {
  const n = observations[0]!.features.length;
  const goals = observations.map(({ lossChange }) => Math.max(lossChange, FLOOR) ** (1 / power));
  // Relative errors count: a tenth too much is as bad for small changes as for large ones.
  const importance = goals.map((goal) => 1 / goal ** 2);
  const sums = observations.map(({ features }) => features.reduce((a, b) => a + b, 0));
  let [upper, lower] = [0, 0];
  sums.forEach((sum, i) => {
    upper += importance[i]! * sum * goals[i]!;
    lower += importance[i]! * sum * sum;
  });
  const common = lower === 0 ? 0 : upper / lower;
  const coefficients = new Float64Array(n).fill(common);
  const residuals = goals.map((goal, i) => goal - common * sums[i]!);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let j = 0; j < n; j++) {
      let [gradient, curvature] = [0, 0];
      for (let i = 0; i < observations.length; i++) {
        const x = observations[i]!.features[j]!;
        gradient += importance[i]! * x * residuals[i]!;
        curvature += importance[i]! * x * x;
      }
      const penalty = (ridge * observations.length) / Math.max(common ** 2, 1e-30);
      const old = coefficients[j]!;
      const next = Math.max(0, (gradient + curvature * old + penalty * common) / (curvature + penalty));
      if (next === old) continue;
      coefficients[j] = next;
      for (let i = 0; i < observations.length; i++) {
        residuals[i] = residuals[i]! - (next - old) * observations[i]!.features[j]!;
      }
    }
  }
  return { coefficients, power };
}

function predictWith({ coefficients, power }: Fit, features: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < features.length; j++) sum += coefficients[j]! * features[j]!;
  return sum ** power;
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
