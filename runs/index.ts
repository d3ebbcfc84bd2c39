// paretoformer/runs: running a search, storing it, and reading what was stored.

export type { RunEvent, RunListener } from './events.ts';
export { type ExecuteOptions, type Runnable, type RunOutcome, resumeRun, startRun } from './execute.ts';
export { type ExportReport, exportCandidate } from './export/export-candidate.ts';
export type { ExportRequest } from './export/request.ts';
export { type ExportSource, openSource } from './export/source.ts';
export { type FrontQuery, queryFront } from './front-query.ts';
export { type Study, studyOf } from './optuna/trials.ts';
export { writeStudy } from './optuna/write-study.ts';
export { planRun, type RunPlan, readSpec } from './plan.ts';
export { RunError } from './run-error.ts';
export {
  type EvaluationResult,
  type FrontMember,
  type RunDetails,
  RunReader,
  type RunState,
  type RunSummary,
  type StoredFront,
} from './store/queries.ts';
export type {
  CandidateRecord,
  EvaluationRecord,
  EvaluationState,
  FrontRecord,
  MeasurementRecord,
  ProfileRecord,
  StoredObjective,
  TrainingRecord,
  TrainingState,
} from './store/records.ts';
export { StoreError, type StoreErrorCode } from './store/store-error.ts';
export { checkpointFolderOf, createTrainer } from './train.ts';
