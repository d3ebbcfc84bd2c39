// paretoformer: a search from a program. The rooms (`paretoformer/space`, `/hardware`, ...) hold the parts it is made of.
export {
  defineEvaluator,
  type Evaluator,
  type EvaluatorFunctions,
  type MeasurementTask,
  type TaskFailure,
  type Trained,
  type TrainingTask,
} from '../../evaluators/index.ts';
export type { CostEstimate } from '../../hardware/index.ts';
export {
  type Architecture,
  type Candidate,
  countParameters,
  type Deployment,
  SpecError,
} from '../../space/index.ts';
export type { FrontQuery } from '../candidates/front-query.ts';
export type { RunEvent } from '../loop/events.ts';
export type { RunOutcome } from '../loop/execute.ts';
export type { OwnMetric } from '../plan/cost-setting.ts';
export { RunError } from '../run-error.ts';
export type { EvaluationResult, FrontMember, RunDetails, RunSummary, StoredFront } from '../store/queries.ts';
export { StoreError } from '../store/store-error.ts';
export {
  type Definition,
  type DefinitionSettings,
  defineMetric,
  defineSpace,
  readSpace,
  type Space,
} from './define-space.ts';
export { openRuns, type StoredRuns } from './open-runs.ts';
export { type ResumeSettings, type RunSettings, resume, run } from './run.ts';
export type { Run } from './run-stream.ts';
