// How well a deployment's loss is predicted from others that were measured: additive per-layer sensitivity against
// `fitLossChange`, on random deployments that neither has seen.
import { createCalibrator } from '../../evaluators/compression/calibration.ts';
import { createDeploymentMeter, measureDeployment } from '../../evaluators/compression/deployment-meter.ts';
import { fitLossChange, type LossObservation } from '../../evaluators/compression/loss-change.ts';
import { createNoiseProfile } from '../../evaluators/compression/noise.ts';
import { alikeLayer, type Deployment, type LayerDeployment } from '../../space/deployment.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import { deriveRng } from '../../space/random.ts';
import { uniform } from './measurement.ts';
import { ARCHITECTURE, benchDataset, SEED, trainedWeights } from './trained-model.ts';

const FORMATS: readonly WeightFormat[] = ['fp16', 'mxfp6-e2m3', 'mxfp4-e2m1'];
const SPARSITIES = [0, 0.5, 0.8];
const CHOICES: readonly LayerDeployment[] = FORMATS.flatMap((weightFormat) =>
  SPARSITIES.map((sparsity) => alikeLayer({ weightFormat, sparsity })),
);
const TEST_DEPLOYMENTS = 40;
const TRAINING_DEPLOYMENTS = 40;

const plain = uniform(ARCHITECTURE, 'fp16');

const withLayer = (i: number, layer: LayerDeployment): Deployment => ({
  ...plain,
  layers: plain.layers.map((old, l) => (l === i ? layer : old)),
});

const keyOf = (i: number, layer: LayerDeployment) => `${i} ${JSON.stringify(layer)}`;

/** Any choice in any layer; half of them draw from the milder half, so that losses spread over decades. */
function random(count: number, purpose: string): Deployment[] {
  return Array.from({ length: count }, (_, i) => {
    const rng = deriveRng(SEED, i, purpose);
    const few = [rng.pick(CHOICES), rng.pick(CHOICES)];
    return { ...plain, layers: plain.layers.map(() => rng.pick(i % 2 === 0 ? CHOICES : few)) };
  });
}

/** Fractional ranks. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = Array<number>(values.length);
  for (const [rank, i] of order.entries()) result[i] = rank;
  return result;
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const n = x.length;
  const squares = x.reduce((sum, rank, i) => sum + (rank - y[i]!) ** 2, 0);
  return 1 - (6 * squares) / (n * (n * n - 1));
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function report(name: string, predicted: readonly number[], actual: readonly number[]): void {
  const errors = predicted.map((p, i) => Math.abs(p - actual[i]!));
  const relative = errors.map((error, i) => error / Math.max(actual[i]!, 0.005));
  const mean = errors.reduce((a, b) => a + b) / errors.length;
  console.log(
    `| ${name} | ${mean.toFixed(4)} | ${(100 * median(relative)).toFixed(0)} % | ${spearman(predicted, actual).toFixed(3)} |`,
  );
}

/** Measures, fits and prints one row for each predictor. */
export async function comparePredictors(): Promise<void> {
  const data = benchDataset();
  const weights = await trainedWeights(data);
  const meter = createDeploymentMeter(ARCHITECTURE, data, 16_384);
  const calibrator = await createCalibrator(ARCHITECTURE, data, { seed: SEED });
  const profile = createNoiseProfile(ARCHITECTURE, weights, await calibrator.measure(weights));
  const lossOf = async (deployment: Deployment) =>
    (await measureDeployment(meter, ARCHITECTURE, weights, deployment)).bitsPerByte;
  const plainLoss = await lossOf(plain);
  const observe = async (deployments: readonly Deployment[]): Promise<LossObservation[]> => {
    const observations: LossObservation[] = [];
    for (const deployment of deployments) {
      observations.push({
        features: profile(deployment),
        lossChange: (await lossOf(deployment)) - plainLoss,
      });
    }
    return observations;
  };
  const test = random(TEST_DEPLOYMENTS, 'test deployments');
  const measured = await observe(test);
  const actual = measured.map(({ lossChange }) => lossChange);
  console.log(`plain ${plainLoss.toFixed(4)}; changes ${Math.min(...actual)} to ${Math.max(...actual)}`);

  const single = new Map<string, number>();
  const alone: LossObservation[] = [];
  for (const [i] of plain.layers.entries()) {
    for (const layer of CHOICES) {
      if (layer.attention.weightFormat === 'fp16' && layer.attention.sparsity === 0) continue;
      const [observation] = await observe([withLayer(i, layer)]);
      single.set(keyOf(i, layer), observation!.lossChange);
      alone.push(observation!);
    }
  }
  report(
    `additive sensitivities, ${alone.length} measured one at a time`,
    test.map(({ layers }) => layers.reduce((sum, layer, i) => sum + (single.get(keyOf(i, layer)) ?? 0), 0)),
    actual,
  );
  const training = await observe(random(TRAINING_DEPLOYMENTS, 'training deployments'));
  const cases: [string, readonly LossObservation[]][] = [
    ['disturbances, the same one at a time', alone],
    ...[6, 12, 24, 40].map((n): [string, readonly LossObservation[]] => [
      `disturbances, ${n} random deployments`,
      training.slice(0, n),
    ]),
  ];
  for (const [name, observations] of cases) {
    const predictor = fitLossChange(observations);
    report(
      `${name} (power ${predictor.power})`,
      measured.map(({ features }) => predictor.predict(features)),
      actual,
    );
  }
  await meter.release();
  await calibrator.release();
}
