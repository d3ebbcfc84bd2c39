// Which trained model a training begins from. Decided once an architecture, by the first ask for it and by the results
// told until then, so that the same run decides the same however many workers it has and however often it is resumed.
import { commonShare } from '../../evaluators/inheritance/align.ts';
import type { Donor } from '../../evaluators/port.ts';
import type { Ask } from '../../search/port.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import type { EvaluationResult, RunReader } from '../store/queries.ts';
import type { CandidateRecord, EvaluationRecord } from '../store/records.ts';

/** A result, as far as it says what may be handed on. */
interface Told {
  readonly candidate: Pick<CandidateRecord, 'architecture' | 'architectureHash'>;
  readonly evaluation: Pick<EvaluationRecord, 'rung'>;
  readonly measured?: { readonly trainedLoss: number };
}

export interface Heritage {
  /** To be called for each ask, in their order. */
  decide(ask: Pick<Ask<Candidate>, 'genome'>): void;
  /** To be called for each result, in the order told. */
  learn(result: Told): void;
  /** What the training of an architecture to a rung may begin from; undefined = only from first values of its own. */
  donorOf(architectureHash: string, rung: number): Donor | undefined;
  /** Whether the training of an architecture to a rung does not go on from the rung below. */
  startsAnew(architectureHash: string, rung: number): boolean;
}

/** Nobody inherits. */
export const NO_HERITAGE: Heritage = {
  decide: () => {},
  learn: () => {},
  donorOf: () => undefined,
  startsAnew: () => false,
};

/** Weights in common that a donor must have, of all that it and the child have: others would hardly ever still work. */
export const LEAST_COMMON = 0.6;

/** Of more donors than these the latest are looked at: a bound on what one ask costs in long runs. */
const MOST_DONORS = 256;

/**
 * Architectures that are new begin from the one most alike among those that have reached the highest rung, where it is
 * alike enough. What reaches
 * it is always trained from first values: its loss does not depend on where the search came from, and what is handed on
 * has never been handed on before.
 */
export function createHeritage(topRung: number): Heritage {
  const donors = new Map<string, Donor>();
  const decided = new Map<string, Donor | undefined>();
  return {
    decide: ({ genome: { architecture } }) => {
      const architectureHash = hashOf(architecture);
      if (decided.has(architectureHash)) return;
      let best: Donor | undefined;
      let most = 0;
      for (const donor of [...donors.values()].slice(-MOST_DONORS)) {
        const share = commonShare(donor.architecture, architecture);
        if (share >= LEAST_COMMON && share > most) [best, most] = [donor, share];
      }
      decided.set(architectureHash, best);
    },
    learn: ({ candidate: { architecture, architectureHash }, evaluation: { rung }, measured }) => {
      if (measured === undefined || rung < topRung || donors.has(architectureHash)) return;
      donors.set(architectureHash, { architecture, architectureHash, loss: measured.trainedLoss });
    },
    donorOf: (architectureHash, rung) => (rung < topRung ? decided.get(architectureHash) : undefined),
    startsAnew: (architectureHash, rung) =>
      rung === topRung && !(decided.has(architectureHash) && decided.get(architectureHash) === undefined),
  };
}

/** The donor of a stored result, as tasks name it; nothing where training began from first values. */
export function storedDonor(
  reader: RunReader,
  runId: string,
  { donorHash }: Pick<EvaluationResult, 'donorHash'>,
): { readonly donor?: Donor } {
  if (donorHash === undefined) return {};
  const trainings = reader.trainings(runId).filter(({ architectureHash }) => architectureHash === donorHash);
  const highest = trainings.toSorted((a, b) => b.rung - a.rung).find(({ state }) => state === 'ok');
  const known = reader.candidates(runId).find(({ architectureHash }) => architectureHash === donorHash);
  if (known === undefined || highest === undefined) return {};
  const { architecture, architectureHash } = known;
  return { donor: { architecture, architectureHash, loss: highest.loss! } };
}
