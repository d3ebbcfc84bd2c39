// The fronts of a run as it goes on: one per generation, over the highest rung that any result has reached.
import { frontOf, type HypervolumeBox, normalisedHypervolume } from '../../search/index.ts';
import type { MetricTable } from '../../space/metrics.ts';
import { toMinimised } from '../plan/problem.ts';
import type { FrontRecord, StoredObjective } from '../store/records.ts';
import type { Evaluated } from './evaluate.ts';

interface Point {
  readonly candidate: number;
  readonly evaluation: number;
  readonly objectives: readonly number[];
  readonly violations: readonly number[];
}

export interface Fronts {
  /** Takes the next result; returns the front when that completes a generation. */
  add(result: Evaluated): FrontRecord | undefined;
  /** Closes the last generation; returns its front unless it was complete. */
  finish(): FrontRecord | undefined;
  /** The newest front. */
  last(): FrontRecord;
}

/** The corners of the hypervolume's box as the search wants them. */
export function hypervolumeBox(objectives: readonly StoredObjective[], metrics: MetricTable): HypervolumeBox {
  return {
    ideal: objectives.map(({ metric, ideal }) => toMinimised(metrics, metric, ideal)),
    reference: objectives.map(({ metric, reference }) => toMinimised(metrics, metric, reference)),
  };
}

/** A generation is `generationSize` results in the order in which they were told. */
export function createFronts(box: HypervolumeBox, generationSize: number): Fronts {
  const byRung: Point[][] = [];
  let nTold = 0;
  let last: FrontRecord | undefined;

  const close = (): FrontRecord => {
    const rung = Math.max(0, byRung.length - 1);
    const points = byRung[rung] ?? [];
    last = {
      generation: (last?.generation ?? 0) + 1,
      nTold,
      rung,
      hypervolume: normalisedHypervolume(points, box),
      members: frontOf(points).map(({ candidate, evaluation }) => ({ candidate, evaluation })),
    };
    return last;
  };

  return {
    add: ({ evaluation, objectives: values }) => {
      nTold++;
      if (values !== undefined) {
        const { number, candidate, rung, violations } = evaluation;
        while (byRung.length <= rung) byRung.push([]);
        byRung[rung]!.push({ candidate, evaluation: number, objectives: values, violations });
      }
      return nTold % generationSize === 0 ? close() : undefined;
    },
    finish: () => (last === undefined || last.nTold < nTold ? close() : undefined),
    last: () => last ?? close(),
  };
}
