// From rows of the database to records: JSON parsed, NULL left out, names as in the program.
import type { NoiseTable, PairLength } from '../../evaluators/outcome.ts';
import type { MetricValues } from '../../space/metrics.ts';
import type {
  CandidateRecord,
  EvaluationRecord,
  FrontRecord,
  MeasurementRecord,
  PairRecord,
  ProfileRecord,
  SpeculationRecord,
  TrainingRecord,
  TrainingState,
} from './records.ts';

export type Row = Readonly<Record<string, unknown>>;

/** An evaluation with what its training took. */
export type EvaluationResult = EvaluationRecord & {
  readonly feasible: boolean;
  readonly finishedAt: number;
  /** Of the model as it is deployed; as it was trained where nothing was measured. */
  readonly loss?: number;
  /** Of the model as it was trained. */
  readonly trainedLoss?: number;
  /** Exact bits of the encoded model, and what the cost model expects of it. */
  readonly encodedBits?: number;
  readonly expectedBits?: number;
  readonly steps?: number;
  readonly tokens?: number;
  readonly trainSeconds?: number;
  /** The architecture whose weights training began from; absent where it began from first values. */
  readonly donorHash?: string;
  /** Loss of those weights before training, bits per byte. */
  readonly inheritedLoss?: number;
};

/** A value from a JSON column. */
export function parse(json: unknown): unknown {
  return JSON.parse(json as string);
}

/** Leaves a field out where the database has NULL. */
export function optional<K extends string, T>(key: K, value: T | null): { [P in K]?: T } {
  return (value === null ? {} : { [key]: value }) as { [P in K]?: T };
}

/** A row of `candidates`. */
export function candidateOf(row: Row): CandidateRecord {
  return {
    number: row.number as number,
    key: row.key as string,
    architectureHash: row.architecture_hash as string,
    architecture: parse(row.architecture_json) as CandidateRecord['architecture'],
    deployment: parse(row.deployment_json) as CandidateRecord['deployment'],
    origin: row.origin as string,
    parents: parse(row.parents_json) as number[],
    deployedCosts: parse(row.deployed_costs_json) as MetricValues,
    trainedCosts: parse(row.trained_costs_json) as MetricValues,
  };
}

function trainingFields(row: Row) {
  return {
    ...optional('loss', row.loss as number | null),
    ...optional('steps', row.steps as number | null),
    ...optional('tokens', row.tokens as number | null),
    ...optional('trainSeconds', row.train_seconds as number | null),
  };
}

/** What every attempt at an architecture and a rung has. */
function attemptFields(row: Row) {
  return {
    architectureHash: row.architecture_hash as string,
    rung: row.rung as number,
    attempt: row.attempt as number,
    state: row.state as TrainingState,
    wallSeconds: row.wall_seconds as number,
    ...optional('reason', row.reason as string | null),
  };
}

/** A row of `trainings`. */
export function trainingOf(row: Row): TrainingRecord {
  return {
    ...attemptFields(row),
    ...trainingFields(row),
    ...optional('compileSeconds', row.compile_seconds as number | null),
    ...optional('checkpoint', row.checkpoint as string | null),
    ...optional('donorHash', row.donor_hash as string | null),
    ...optional('inheritedLoss', row.inherited_loss as number | null),
  };
}

/** A row of `measurements`. */
export function measurementOf(row: Row): MeasurementRecord {
  const list = (json: unknown) => (json === null ? null : (parse(json) as number[]));
  return {
    ...attemptFields(row),
    deploymentHash: row.deployment_hash as string,
    ...optional('loss', row.loss as number | null),
    ...optional('encodedBits', row.encoded_bits as number | null),
    ...optional('expectedBits', row.expected_bits as number | null),
    ...optional('layerBits', list(row.layer_bits_json)),
    ...optional('disturbance', list(row.disturbance_json)),
  };
}

/** A row of `noise_profiles`. */
export function profileOf(row: Row): ProfileRecord {
  return {
    ...attemptFields(row),
    ...(row.table_json === null ? {} : { table: parse(row.table_json) as NoiseTable }),
  };
}

/** A row of `pairs`. */
export function pairOf(row: Row): PairRecord {
  return {
    ...attemptFields(row),
    deploymentHash: row.deployment_hash as string,
    draftHash: row.draft_hash as string,
    alignmentSteps: row.alignment_steps as number,
    draft: parse(row.draft_json) as PairRecord['draft'],
    ...optional('acceptance', row.acceptance as number | null),
    ...optional('standardError', row.standard_error as number | null),
    ...(row.lengths_json === null ? {} : { lengths: parse(row.lengths_json) as PairLength[] }),
  };
}

/** A row of `evaluation_results` with its metrics. */
export function evaluationOf(row: Row, values: MetricValues): EvaluationResult {
  return {
    number: row.number as number,
    candidate: row.candidate as number,
    rung: row.rung as number,
    state: row.state as EvaluationRecord['state'],
    ...optional('reason', row.reason as string | null),
    architectureHash: row.architecture_hash as string,
    ...optional('attempt', row.attempt as number | null),
    ...optional('deploymentHash', row.deployment_hash as string | null),
    ...optional('measurement', row.measurement as number | null),
    ...(row.speculation_json === null
      ? {}
      : { speculation: parse(row.speculation_json) as SpeculationRecord }),
    violations: parse(row.violations_json) as number[],
    feasible: row.feasible === 1,
    values,
    finishedAt: row.finished_at as number,
    ...trainingFields(row),
    ...optional('trainedLoss', row.trained_loss as number | null),
    ...optional('encodedBits', row.encoded_bits as number | null),
    ...optional('expectedBits', row.expected_bits as number | null),
    ...optional('donorHash', row.donor_hash as string | null),
    ...optional('inheritedLoss', row.inherited_loss as number | null),
  };
}

/** What a run as a whole needs to know of each evaluation: little enough to hold those of a very large run. */
export interface EvaluationOutline
  extends Pick<EvaluationRecord, 'number' | 'candidate' | 'rung' | 'state' | 'reason' | 'architectureHash'> {
  readonly feasible: boolean;
  /** Empty where every constraint is met. */
  readonly violations: readonly number[];
  readonly tokens?: number;
}

export type OutlineRow = readonly [
  number: number,
  candidate: number,
  rung: number,
  state: EvaluationRecord['state'],
  reason: string | null,
  architectureHash: string,
  feasible: number,
  violations: string | null,
  tokens: number | null,
];

const NO_VIOLATIONS: readonly number[] = [];

/** A row of evaluations, in the order of {@link OutlineRow}. */
export function outlineOf(row: OutlineRow): EvaluationOutline {
  const [number, candidate, rung, state, reason, architectureHash, feasible, violations, tokens] = row;
  return {
    number,
    candidate,
    rung,
    state,
    ...optional('reason', reason),
    architectureHash,
    feasible: feasible === 1,
    violations: violations === null ? NO_VIOLATIONS : (parse(violations) as number[]),
    ...optional('tokens', tokens),
  };
}

/** A row of `fronts`. */
export function frontFields(row: Row): Omit<FrontRecord, 'members'> {
  return {
    generation: row.generation as number,
    nTold: row.n_told as number,
    rung: row.rung as number,
    hypervolume: row.hypervolume as number,
  };
}
