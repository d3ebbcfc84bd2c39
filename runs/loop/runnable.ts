// What the loop of a run needs: a plan, and the world around it.
import type { Evaluator } from '../../evaluators/port.ts';
import type { RunSpec } from '../../space/spec.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import type { RunProblem } from '../plan/problem.ts';
import type { RunListener } from './events.ts';

/** The part of a plan that the loop needs; tests bring their own. */
export interface Runnable {
  readonly spec: RunSpec;
  readonly specFolder: string;
  readonly problem: RunProblem;
  readonly dataset: { readonly corpusSha256: string; readonly unigramBitsPerByte: number };
  readonly teacherSha256?: string;
  /** What pairs of target and draft are priced with; needed where the spec has drafts. */
  readonly setting?: CostSetting;
}

export interface ExecuteOptions {
  readonly databasePath: string;
  readonly maxThreads: number;
  /** Called once the run's id is known, because checkpoints lie in a folder of that name. */
  readonly createEvaluator: (runId: string) => Evaluator;
  /** Whether that is one of the program's own in place of the trainer; a run stays with one kind. */
  readonly isOwnEvaluator?: boolean;
  readonly emit: RunListener;
  /** Aborting stops the run cleanly: what is under way is cancelled, what is done is kept. */
  readonly signal: AbortSignal;
  readonly now?: () => number;
}
