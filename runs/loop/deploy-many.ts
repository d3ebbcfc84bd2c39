// Train once, deploy many: which further deployments of an architecture that reached the highest rung are worth a
// measurement. Costs are exact; the loss is foretold from measured changes, and from how much a deployment disturbs
// the trained weights. A fold over results in the order told, so the same run chooses the same.
import { disturbanceOf, fitLossChange, type LossObservation } from '../../evaluators/index.ts';
import type { NoiseTable } from '../../evaluators/outcome.ts';
import { hypervolumeGain } from '../../search/hypervolume.ts';
import { frontOf, nonDominatedSort } from '../../search/index.ts';
import type { Candidate } from '../../space/candidate.ts';
import { deriveRng } from '../../space/random.ts';
import type { DraftSetting } from '../plan/cost-setting.ts';
import type { RunProblem } from '../plan/problem.ts';
import type { LossForecastRecord } from '../store/records.ts';
import type { Evaluated } from './evaluate.ts';
import { createPairForecast } from './pair-forecast.ts';

/** Deployments that are looked at for each architecture. */
const N_CONSIDERED = 384;
/** Of these, so many of the undominated ones are looked at with drafts, too. */
const MOST_DRAFTED = 16;
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
  /** How drafts are sampled and prepared, where there are any. */
  readonly draft?: DraftSetting;
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

/** A deployment that was not measured. */
interface Foretold {
  readonly candidate: Candidate;
  readonly loss: number;
  readonly objectives: readonly number[];
}

function undominated(all: readonly Foretold[]): Foretold[] {
  const rank = nonDominatedSort(all.map(({ objectives }) => objectives));
  return all.filter((_, at) => rank[at] === 0);
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
  const drafts = createPairForecast(options.draft ?? { temperature: 1, isAligned: false });
  const deployed = new Set<string>();
  const points: Point[] = [];

  const meets = (violations: readonly number[]) => violations.every((violation) => violation === 0);

  /** Deployments that decode alone, with what is foretold of them. */
  const foretell = (result: Evaluated, table: NoiseTable): Foretold[] => {
    const { number, architecture, deployment } = result.candidate;
    const rng = deriveRng(seed, number, 'deployments');
    const predict = forecast.current();
    const { trainedLoss } = result.measured!;
    return problem.deploymentsOf({ architecture, deployment }, N_CONSIDERED, rng).flatMap((candidate) => {
      if (!meets(problem.facts(candidate).violations)) return [];
      const loss = trainedLoss + predict(disturbanceOf(table, candidate.deployment));
      const { objectives, violations } = problem.judge(candidate, loss, result.baselineLoss);
      return meets(violations) ? [{ candidate, loss, objectives }] : [];
    });
  };

  /** The same with drafts; speculation is lossless, so their loss is that of the deployment alone. */
  const withDrafts = (result: Evaluated, alone: readonly Foretold[]): Foretold[] => {
    const models = drafts.models();
    const { trainedLoss } = result.measured!;
    return alone.flatMap(({ candidate, loss }) =>
      problem.draftedDeployments(candidate, models).flatMap((drafted) => {
        const acceptance = drafts.foretell(drafted, drafted.deployment.draft!, trainedLoss);
        const found = acceptance === undefined ? {} : { acceptance };
        const { objectives, violations } = problem.judge(drafted, loss, result.baselineLoss, found);
        return meets(violations) ? [{ candidate: drafted, loss, objectives }] : [];
      }),
    );
  };

  /** One after the other, each the one that adds most to the front with those before it. */
  const choose = (result: Evaluated, table: NoiseTable, isKnown: (key: string) => boolean): Candidate[] => {
    const alone = foretell(result, table);
    // Few deployments carry drafts: drafts change costs, not which ways of storing weights are good.
    const drafted = withDrafts(result, undominated(alone).slice(0, MOST_DRAFTED));
    const open = undominated(
      [...alone, ...drafted].filter(({ candidate }) => !isKnown(problem.key(candidate))),
    );
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

  const learnDraft = ({ candidate, pair, measured }: Evaluated): void => {
    if (pair === undefined || measured === undefined) return;
    drafts.learn({ target: candidate.architecture, targetLoss: measured.trainedLoss, pair });
  };

  return {
    next: (result, isKnown) => {
      const compared = forecast.compare(result);
      const answer = (adopted: readonly Candidate[]): NextDeployments =>
        compared === undefined ? { adopted } : { adopted, forecast: compared };
      forecast.learn(result);
      learnDraft(result);
      const { evaluation, objectives, noiseTable } = result;
      const { rung, candidate, violations, architectureHash } = evaluation;
      if (objectives !== undefined && rung === topRung) points.push({ candidate, objectives, violations });
      if (noiseTable === undefined || deployed.has(architectureHash)) return answer([]);
      deployed.add(architectureHash);
      return answer(choose(result, noiseTable, isKnown));
    },
  };
}
