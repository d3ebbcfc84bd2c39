// What a run tells while it goes on; the terminal, JSON and library users listen to the same events.
import type { TrainingProgress } from '../../evaluators/port.ts';
import type {
  CandidateRecord,
  EvaluationRecord,
  FrontRecord,
  MeasurementRecord,
  PairRecord,
  TrainingRecord,
} from '../store/records.ts';

export type RunEvent =
  | {
      readonly kind: 'started' | 'resumed';
      readonly runId: string;
      readonly name: string;
      /** Evaluations per rung that the run will come to if nothing fails. */
      readonly planned: readonly number[];
      /** Optimiser steps reached at each rung. */
      readonly rungs: readonly number[];
      /** Optimiser steps that an evaluation at each rung trains itself. */
      readonly stepsPerRung: readonly number[];
      readonly maxThreads: number;
    }
  | {
      readonly kind: 'progress';
      readonly architectureHash: string;
      readonly rung: number;
      readonly progress: TrainingProgress;
    }
  | {
      readonly kind: 'evaluated';
      readonly candidate: CandidateRecord;
      readonly evaluation: EvaluationRecord;
      /** False where a resumed run replays what was stored. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'trained'; readonly training: TrainingRecord }
  | { readonly kind: 'measured'; readonly measurement: MeasurementRecord }
  | { readonly kind: 'paired'; readonly pair: PairRecord }
  | { readonly kind: 'generation'; readonly front: FrontRecord }
  | { readonly kind: 'interrupted'; readonly runId: string }
  | { readonly kind: 'finished'; readonly runId: string; readonly front: FrontRecord };

export type RunListener = (event: RunEvent) => void;
