// One seeded run over rungs of training on the toy space, as hypervolume of fully trained members over epochs.
import type { Algorithm, Ingredient } from '../../search/index.ts';
import { createSearch, frontOf, hypervolume } from '../../search/index.ts';
import { drive } from '../../test/search/drive.ts';
import { type Difficulty, objectivesAtRung, RUNG_EPOCHS } from '../../test/search/problems/curves.ts';
import { toyNas } from '../../test/search/problems/toy-nas.ts';

/** Epochs of one run: 100 trainings in full. */
export const EPOCH_BUDGET = 2700;

/** How candidates climb: everything in full, by all objectives, or (as a warning) by the loss alone. */
export type Ladder = 'full' | 'halving' | 'loss-only';

export interface RungTraceOptions {
  readonly algorithm: Algorithm;
  readonly ladder: Ladder;
  readonly difficulty: Difficulty;
  /** Positions in `RUNG_EPOCHS` of the rungs in use, the last one included. */
  readonly rungs: readonly number[];
  readonly eta: number;
  readonly seed: number;
  readonly populationSize: number;
  readonly lag: number;
  readonly without?: readonly Ingredient[];
}

export interface RungTrace {
  /** Hypervolume after each full training, and the epochs spent until then. */
  readonly steps: readonly { readonly epochs: number; readonly volume: number }[];
  readonly nFull: number;
}

/** What one candidate costs on average, its share of the higher rungs included. */
function epochsPerCandidate(rungs: readonly number[], eta: number): number {
  return rungs.reduce((sum, rung, k) => {
    const below = k === 0 ? 0 : RUNG_EPOCHS[rungs[k - 1]!]!;
    return sum + (RUNG_EPOCHS[rung]! - below) / eta ** k;
  }, 0);
}

export function rungTraceOf(o: RungTraceOptions): RungTrace {
  const problem = toyNas();
  const { reference, ...withoutReference } = problem;
  const top = RUNG_EPOCHS.length - 1;
  const rungs = o.ladder === 'full' ? [top] : o.rungs;
  const added = (rung: number) =>
    RUNG_EPOCHS[rungs[rung]!]! - (rung === 0 ? 0 : RUNG_EPOCHS[rungs[rung - 1]!]!);
  const settings = {
    seed: o.seed,
    nCandidates: Math.floor(EPOCH_BUDGET / epochsPerCandidate(rungs, o.eta)),
    populationSize: o.populationSize,
    nRungs: rungs.length,
    eta: o.eta,
    rungCosts: rungs.map((_, k) => added(k)),
    without: o.without ?? [],
  };
  const search = createSearch(o.ladder === 'loss-only' ? withoutReference : problem, o.algorithm, settings);
  const asks = drive(
    search,
    (ask) => {
      const [loss, latency, memory] = objectivesAtRung(problem, ask.genome, rungs[ask.rung]!, o.difficulty);
      // Told the loss alone, the search cannot see what else the candidate is good at.
      const objectives = o.ladder === 'loss-only' ? [loss!, loss!, loss!] : [loss!, latency!, memory!];
      return { objectives, violations: problem.truth(ask.genome).violations };
    },
    { lag: o.lag, durationSeed: o.seed },
  );
  let epochs = 0;
  let front: { candidate: number; objectives: readonly number[]; violations: readonly number[] }[] = [];
  const steps: { epochs: number; volume: number }[] = [];
  for (const ask of asks) {
    epochs += added(ask.rung);
    if (ask.rung < rungs.length - 1) continue;
    front = frontOf([...front, { candidate: ask.candidate, ...problem.truth(ask.genome) }]);
    steps.push({
      epochs,
      volume: hypervolume(
        front.map((one) => one.objectives),
        reference,
      ),
    });
  }
  return { steps, nFull: steps.length };
}

/** The volume after so many epochs. */
export function volumeAt(trace: RungTrace, epochs: number): number {
  return trace.steps.findLast((step) => step.epochs <= epochs)?.volume ?? 0;
}
