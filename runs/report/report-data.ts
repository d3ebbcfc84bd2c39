// Everything that a report shows of one run, as plain JSON: the page draws it, `serve` sends it.
import { HardwareError } from '../../hardware/index.ts';
import type { SurrogateReport } from '../../search/index.ts';
import { constraintLimit } from '../../space/constraint.ts';
import { specHash } from '../../space/load-spec.ts';
import { type Metric, type MetricName, metricOf, metricTable } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { describeForecasts, forecastQuality } from '../candidates/loss-forecasts.ts';
import { markLabels, marksOf, normalised } from '../candidates/marks.ts';
import { createOutlooks } from '../candidates/outlook.ts';
import { describeScale } from '../describe.ts';
import { explainIdle, idleObjectives, surveySpace } from '../plan/bounds.ts';
import { type CostPlan, costSetting, planCosts } from '../plan/cost-plan.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import { packageVersion } from '../plan/version.ts';
import { RunError } from '../run-error.ts';
import type { EvaluationOutline, RunDetails, RunReader, StoredFront } from '../store/queries.ts';
import { type CoursePoint, courseOf, type Ending, endingsOf } from './course.ts';
import { GENES } from './genes.ts';
import { type Importance, importanceOf, MOST_RESULTS } from './importance.ts';
import { type MemberSetting, type MemberView, memberView, metricOrder } from './members.ts';
import { highestOf, type PointTable, pointTable, shownOf, thinned, varyingGenes } from './points.ts';
import { countRejections } from './replay.ts';
import { specYaml } from './spec-yaml.ts';

export interface ReportData {
  readonly run: RunHeading;
  readonly metrics: readonly MetricView[];
  readonly objectives: readonly MetricName[];
  readonly genes: Readonly<Record<string, string>>;
  readonly constraints: readonly LimitView[];
  readonly points: PointTable;
  readonly front: {
    readonly generation: number;
    readonly rung: number;
    readonly hypervolume: number;
    readonly nMembers: number;
    /** Position among `members`. */
    readonly knee?: number;
    readonly best: readonly { readonly metric: MetricName; readonly at: number }[];
  };
  readonly members: readonly MemberView[];
  readonly baseline?: MemberView;
  readonly course: readonly CoursePoint[];
  readonly surrogate: readonly SurrogateReport[];
  /** In words, how well the loss of deployments was foretold. */
  readonly lossForecasts?: string;
  readonly importance: {
    readonly rung: number;
    readonly nResults: number;
    readonly byMetric: Partial<Readonly<Record<MetricName, readonly Importance[]>>>;
  };
  readonly rejected: {
    readonly endings: readonly Ending[];
    /** Genomes that the search turned down before it asked for them; absent where the replay was not possible. */
    readonly bySearch?: { readonly infeasible: number; readonly duplicate: number };
    /** Why neither could be counted. */
    readonly notCounted?: string;
    readonly survey?: {
      readonly nSampled: number;
      readonly nFeasible: number;
      readonly rejections: readonly {
        readonly constraint: string;
        readonly rejects: number;
        readonly rejectsAlone: number;
      }[];
      /** Objectives that cannot change the front, a line each. */
      readonly idle: readonly string[];
    };
  };
  readonly reproduce: {
    readonly yaml: string;
    readonly specSha256: string;
    readonly corpusSha256: string;
    readonly versions: Readonly<Record<string, string>>;
  };
  /** Why costs are not broken down, where they are not. */
  readonly costsMissing?: string;
}

interface RunHeading {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly createdAt: string;
  readonly lastEventAt: string;
  readonly seed: number;
  readonly algorithm: string;
  readonly accelerator: string;
  readonly corpus: string;
  readonly workload: RunSpec['workload'];
  readonly scale?: string;
  /** Optimiser steps of each rung. */
  readonly rungs: readonly number[];
  readonly tokensPerStep: number;
  readonly nCandidates: number;
  readonly nEvaluations: number;
  readonly trainingSeconds: number;
  readonly writtenBy: string;
}

interface MetricView extends Metric {
  readonly name: MetricName;
}

interface LimitView {
  readonly text: string;
  readonly metric: MetricName;
  /** Whether values above or below the limit are outside. */
  readonly side: 'above' | 'below';
  /** Absent where it depends on a baseline that has no value. */
  readonly limit?: number;
}

/** Members shown in full; the front itself is never cut in the points. */
const MOST_MEMBERS = 300;
const REPLAY_SECONDS = 2;
/** Evaluations beyond which the search is not replayed. */
const MOST_REPLAYED = 20_000;

export interface ReportOptions {
  readonly now: () => number;
  /** Seconds that a replay of the search may take, to count what it turned down by itself; 0 = none. */
  readonly replaySeconds?: number;
}

/** Reads a run and prepares its report. @throws StoreError where there is no such run. */
export function buildReport(reader: RunReader, runId: string, options: ReportOptions): ReportData {
  const details = reader.run(runId);
  const spec = details.spec;
  const outlines = reader.evaluationOutlines(runId);
  const front = reader.front(runId);
  const onFront = new Set(front?.members.map(({ candidate }) => candidate.number));
  const highest = highestOf(outlines);
  const shown = reader.membersOf(
    runId,
    shownOf(highest, onFront).map(({ number }) => number),
  );
  const plan = planOf(details);
  const objectives = details.objectives.map(({ metric }) => metric);
  const metrics = metricTable(spec);
  const outlooks = createOutlooks(reader, runId, spec, plan.setting);
  const setting = memberSetting(reader, details, plan.setting);
  const views = memberViews(reader, details, front, { ...setting, outlooks });
  const marks = marksOf(
    objectives,
    views.map(({ values }) => values),
    metrics,
  );
  const labels = markLabels(marks, views.length, metrics);
  const shares = normalised(
    objectives,
    views.map(({ values }) => values),
    metrics,
  );
  const baseline = baselineView(reader, details, setting);
  const forecasts = forecastQuality(reader.lossForecasts(runId));
  const known = Object.keys(metrics).filter((metric) =>
    shown.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  return {
    run: headingOf(details, spec),
    objectives,
    metrics: metricOrder(objectives, known).map((name) => {
      return { name, ...metricOf(metrics, name) };
    }),
    genes: GENES,
    constraints: limitsOf(spec, baseline),
    points: pointTable(shown, highest.length, onFront, front?.rung ?? 0, known),
    front: {
      generation: front?.generation ?? 0,
      rung: front?.rung ?? 0,
      hypervolume: front?.hypervolume ?? 0,
      nMembers: front?.members.length ?? 0,
      best: marks.best,
      ...(marks.knee === undefined ? {} : { knee: marks.knee }),
    },
    members: views.map((view, at) => ({ ...view, normalised: shares[at]!, marks: labels[at]! })),
    ...(baseline === undefined ? {} : { baseline }),
    course: courseOf(reader.generations(runId), outlines),
    importance: importanceView(reader, runId, outlines, known),
    surrogate: reader.surrogateReports(runId),
    rejected: rejectedView(reader, details, plan, outlines, options),
    ...(forecasts === undefined ? {} : { lossForecasts: describeForecasts(forecasts) }),
    reproduce: {
      yaml: specYaml(spec),
      specSha256: details.specSha256 === specHash(spec) ? details.specSha256 : specHash(spec),
      corpusSha256: details.corpusSha256,
      versions: details.versions,
    },
    ...(plan.setting !== undefined || plan.missing === undefined ? {} : { costsMissing: plan.missing }),
  };
}

/** One candidate in full, whether or not it is on the front. @throws StoreError */
export function buildMember(reader: RunReader, runId: string, candidate: number): MemberView {
  const details = reader.run(runId);
  const record = reader.resolveCandidate(runId, String(candidate));
  const { setting } = planOf(details);
  const outlooks = createOutlooks(reader, runId, details.spec, setting);
  const evaluations = reader.evaluations(runId, record.number);
  return memberView(record, evaluations, { ...memberSetting(reader, details, setting), outlooks });
}

function memberSetting(
  reader: RunReader,
  { id, spec }: RunDetails,
  cost: CostSetting | undefined,
): MemberSetting {
  return { scale: spec.scale, cost, firstOf: (architectureHash) => reader.firstOf(id, architectureHash) };
}

/** The cost model of a run and its problem, or why one cannot be had: an accelerator file may be gone. */
interface Plan {
  readonly setting?: CostSetting;
  readonly costs?: CostPlan;
  readonly missing?: string;
}

function planOf(details: RunDetails): Plan {
  const spec = details.spec;
  const own = Object.keys(spec.metrics ?? {});
  try {
    if (own.length === 0) {
      const costs = planCosts(spec, details.specFolder);
      return { setting: costs.setting, costs };
    }
    const missing = `${own.join(' and ')} ${own.length === 1 ? 'is' : 'are'} computed by the program that started the run`;
    return { setting: costSetting(spec, details.specFolder), missing };
  } catch (error) {
    if (error instanceof HardwareError || error instanceof RunError) return { missing: error.message };
    throw error;
  }
}

function headingOf(details: RunDetails, spec: RunSpec): RunHeading {
  const scale = describeScale(spec.scale);
  const { id, name, state, nCandidates, nEvaluations, trainingSeconds } = details;
  return {
    id,
    name,
    state,
    createdAt: new Date(details.createdAt).toISOString(),
    lastEventAt: new Date(details.lastEventAt).toISOString(),
    seed: spec.seed,
    algorithm: spec.search.algorithm,
    accelerator: spec.accelerator,
    corpus: spec.task.corpus,
    workload: spec.workload,
    ...(scale === undefined ? {} : { scale }),
    rungs: spec.training.rungs,
    tokensPerStep: spec.training.batch * spec.task.contextLength,
    nCandidates,
    nEvaluations,
    trainingSeconds,
    writtenBy: `paretoformer ${packageVersion()}`,
  };
}

function memberViews(
  reader: RunReader,
  { id, spec, objectives }: RunDetails,
  front: StoredFront | undefined,
  setting: MemberSetting,
): MemberView[] {
  const metric = objectives[0]!.metric;
  const sign = metricOf(metricTable(spec), metric).better === 'higher' ? -1 : 1;
  const members = (front?.members ?? [])
    .toSorted((a, b) => sign * (a.evaluation.values[metric]! - b.evaluation.values[metric]!))
    .slice(0, MOST_MEMBERS);
  return members.map(({ candidate, evaluation }) => ({
    ...memberView(candidate, reader.evaluations(id, candidate.number), setting),
    values: evaluation.values,
  }));
}

function baselineView(reader: RunReader, { id }: RunDetails, setting: MemberSetting): MemberView | undefined {
  const first = reader.candidate(id, 0);
  if (first?.origin !== 'baseline') return undefined;
  return memberView(first, reader.evaluations(id, 0), setting);
}

function limitsOf(spec: RunSpec, baseline: MemberView | undefined): LimitView[] {
  return spec.constraints.map((constraint) => {
    const { text, metric, operator } = constraint;
    const limit = constraintLimit(constraint, baseline?.values);
    const side = operator.startsWith('<') ? 'above' : 'below';
    return { text, metric, side, ...(limit === undefined ? {} : { limit }) };
  });
}

/** Over the lowest rung, which every candidate passes, so that all are judged after equal training. */
function importanceView(
  reader: RunReader,
  runId: string,
  outlines: readonly EvaluationOutline[],
  metrics: readonly MetricName[],
): ReportData['importance'] {
  const lowest = outlines.filter(({ state, rung }) => state === 'ok' && rung === 0);
  const numbers = thinned(lowest, MOST_RESULTS).map(({ number }) => number);
  const standings = reader.membersOf(runId, numbers);
  const genes = varyingGenes(standings.map(({ candidate }) => candidate)) as Record<
    string,
    (number | string)[]
  >;
  const columns = metrics.map((metric) => [
    metric,
    standings.map(({ evaluation }) => evaluation.values[metric]),
  ]) as [MetricName, (number | undefined)[]][];
  const complete = columns.filter(([, values]) => values.every((value) => value !== undefined));
  const byMetric = importanceOf(genes, Object.fromEntries(complete) as Record<string, number[]>);
  return { rung: 0, nResults: standings.length, byMetric };
}

function rejectedView(
  reader: RunReader,
  details: RunDetails,
  { costs: plan, missing }: Plan,
  outlines: readonly EvaluationOutline[],
  { now, replaySeconds = REPLAY_SECONDS }: ReportOptions,
): ReportData['rejected'] {
  const { id, spec } = details;
  const texts = plan?.problem.constraintTexts ?? spec.constraints.map(({ text }) => text);
  const endings = endingsOf(outlines, texts);
  if (plan === undefined) return { endings, ...(missing === undefined ? {} : { notCounted: missing }) };
  const found = surveySpace(plan.problem, spec.seed);
  const { nSampled, nFeasible, rejections } = found;
  const idle = idleObjectives(plan.problem, found).map(explainIdle);
  const survey = { nSampled, nFeasible, rejections, idle };
  // A replay of more would be late before all that it needs is read.
  if (replaySeconds === 0 || outlines.length > MOST_REPLAYED) return { endings, survey };
  const byNumber = new Map(reader.candidates(id).map((candidate) => [candidate.number, candidate]));
  const deadline = now() + replaySeconds * 1000;
  const isLate = () => now() > deadline;
  const evaluations = reader.evaluations(id);
  const bySearch = countRejections(spec, plan.problem, details.objectives, byNumber, evaluations, isLate);
  return { endings, survey, ...(bySearch === undefined ? {} : { bySearch }) };
}
