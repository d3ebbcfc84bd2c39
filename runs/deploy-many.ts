// Train once, deploy many: which further deployments of an architecture that reached the highest rung are worth a
// measurement. Costs are exact; the loss is foretold from measured changes, and from how much a deployment disturbs
// the trained weights. A fold over results in the order told, so the same run chooses the same.
import { disturbanceOf, fitLossChange, type LossObservation } from '../evaluators/index.ts';
import type { NoiseTable } from '../evaluators/outcome.ts';
import { hypervolumeGain } from '../search/hypervolume.ts';
import { frontOf, nonDominatedSort } from '../search/index.ts';
import type { Candidate } from '../space/candidate.ts';
import { deriveRng } from '../space/random.ts';
import type { Evaluated } from './evaluate.ts';
import type { RunProblem } from './problem.ts';
import type { LossForecastRecord } from './store/records.ts';

/** Deployments that are looked at for each architecture. */
const N_CONSIDERED = 384;
/** Measured changes that a prediction rests on: the fit grows with the square of their number. */
const MAX_OBSERVATIONS = 12;
const MIN_OBSERVATIONS = 3;

export interface DeployManyOptions {
  readonly problem: RunProblem;
  readonly seed: number;
  readonly topRung: number;
  readonly perArchitecture: number;
  /** Minimised objectives from which hypervolume is measured. */
  readonly reference: readonly number[];
}

export interface DeployMany {
  /** Takes the next result; `isKnown` says which keys were asked before. */
  next(result: Evaluated, isKnown: (key: string) => boolean): NextDeployments;
}

interface NextDeployments {
  /** Candidates to adopt beside the result. */
  readonly adopted: readonly Candidate[];
  /** What had been foretold of it; absent while too little is measured, and where nothing is disturbed. */
  readonly forecast?: LossForecastRecord;
}

type Point = { readonly candidate: number; readonly objectives: readonly number[]; readonly violations: readonly number[] }; // biome-ignore format: one line

/** What is learnt from measured deployments and how much worse another would be, in bits per byte. */
function createForecast() {
  const byRung: Map<string, LossObservation>[] = [];
  let nFitted = 0;
  let predictor: { predict(features: Float64Array): number } | undefined;
  const observations = () => byRung.flatMap((one) => [...(one?.values() ?? [])]).slice(-MAX_OBSERVATIONS);
  return {
    /** Of a result that is not learnt from yet. */
    compare({ evaluation, measured }: Evaluated): LossForecastRecord | undefined {
      const isDisturbed = measured?.disturbance.some((value) => value > 0);
      if (predictor === undefined || isDisturbed !== true) return undefined;
      return {
        evaluation: evaluation.number,
        nObservations: Math.min(nFitted, MAX_OBSERVATIONS),
        foretoldChange: predictor.predict(Float64Array.from(measured!.disturbance)),
        measuredChange: measured!.lossChange,
      };
    },
    learn({ evaluation, measured }: Evaluated): void {
      if (measured === undefined) return;
      const { architectureHash, rung, deploymentHash } = evaluation;
      const features = Float64Array.from(measured.disturbance);
      while (byRung.length <= rung) byRung.push(new Map());
      byRung[rung]!.set(`${architectureHash}/${deploymentHash}`, {
        features,
        lossChange: measured.lossChange,
      });
    },
    /** Refits where a quarter more is known. Before there is enough, more disturbance simply counts as worse. */
    current(): (features: readonly number[]) => number {
      const nKnown = byRung.reduce((sum, one) => sum + one.size, 0);
      if (nKnown >= MIN_OBSERVATIONS && nKnown >= 1.25 * nFitted) {
        predictor = fitLossChange(observations());
        nFitted = nKnown;
      }
      const fitted = predictor;
      if (fitted === undefined) return (features) => features.reduce((sum, value) => sum + value, 0);
      return (features) => fitted.predict(Float64Array.from(features));
    },
  };
}

/** The choice for one run. */
export function createDeployMany(options: DeployManyOptions): DeployMany {
  const { problem, seed, topRung, perArchitecture, reference } = options;
  const forecast = createForecast();
  const deployed = new Set<string>();
  const points: Point[] = [];

  const foretell = (result: Evaluated, table: NoiseTable, isKnown: (key: string) => boolean) => {
    const { number, architecture, deployment } = result.candidate;
    const rng = deriveRng(seed, number, 'deployments');
    const predict = forecast.current();
    const { trainedLoss } = result.measured!;
    return problem.deploymentsOf({ architecture, deployment }, N_CONSIDERED, rng).flatMap((candidate) => {
      if (isKnown(problem.key(candidate))) return [];
      if (problem.facts(candidate).violations.some((violation) => violation > 0)) return [];
      const change = predict(disturbanceOf(table, candidate.deployment));
      const { objectives, violations } = problem.judge(candidate, trainedLoss + change, result.baselineLoss);
      return violations.some((violation) => violation > 0) ? [] : [{ candidate, objectives }];
    });
  };

  /** One after the other, each the one that adds most to the front with those before it. */
  const choose = (result: Evaluated, table: NoiseTable, isKnown: (key: string) => boolean): Candidate[] => {
    const foretold = foretell(result, table, isKnown);
    const rank = nonDominatedSort(foretold.map(({ objectives }) => objectives));
    const open = foretold.filter((_, at) => rank[at] === 0);
    const barrier = frontOf(points).map(({ objectives }) => objectives);
    const chosen: Candidate[] = [];
    while (chosen.length < perArchitecture) {
      const gains = open.map(({ objectives }) => hypervolumeGain(objectives, barrier, reference));
      const best = gains.indexOf(Math.max(...gains));
      if (best < 0 || gains[best]! <= 0) break;
      const [{ candidate, objectives }] = open.splice(best, 1) as [(typeof open)[number]];
      barrier.push(objectives);
      chosen.push(candidate);
    }
    return chosen;
  };

  return {
    next: (result, isKnown) => {
      const compared = forecast.compare(result);
      const answer = (adopted: readonly Candidate[]): NextDeployments =>
        compared === undefined ? { adopted } : { adopted, forecast: compared };
      forecast.learn(result);
      const { evaluation, objectives, noiseTable } = result;
      const { rung, candidate, violations, architectureHash } = evaluation;
      if (objectives !== undefined && rung === topRung) points.push({ candidate, objectives, violations });
      if (noiseTable === undefined || deployed.has(architectureHash)) return answer([]);
      deployed.add(architectureHash);
      return answer(choose(result, noiseTable, isKnown));
    },
  };
}
