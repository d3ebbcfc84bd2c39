// paretoformer/runs: running a search, storing it, and reading what was stored.

export { type FrontQuery, queryFront } from './candidates/front-query.ts';
export { type ExportReport, exportCandidate } from './export/export-candidate.ts';
export type { ExportRequest } from './export/request.ts';
export { type ExportSource, openSource } from './export/source.ts';
export type { RunEvent, RunListener } from './loop/events.ts';
export { type RunOutcome, resumeRun, startRun } from './loop/execute.ts';
export type { ExecuteOptions, Runnable } from './loop/runnable.ts';
export { type Study, studyOf } from './optuna/trials.ts';
export { writeStudy } from './optuna/write-study.ts';
export { planRun, type RunPlan, readSpec } from './plan/plan.ts';
export { checkpointFolderOf, createTrainer } from './plan/train.ts';
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
