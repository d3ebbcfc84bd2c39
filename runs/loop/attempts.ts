// Work that can fail is attempted again: what counts as settled, and what says something of the machine alone.
import { RunError } from '../run-error.ts';
import type { TrainingState } from '../store/records.ts';

/** How often work that failed, its worker's death included, is attempted. */
const MAX_ATTEMPTS = 2;

/** Thrown by work that a run asked for while it is being stopped. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** One attempt, as the store keeps it. */
interface Attempt {
  readonly attempt: number;
  readonly state: TrainingState;
  readonly reason?: string;
}

/** An attempt that will not be repeated; never `cancelled`. */
export type Settled<A extends Attempt> = A & { readonly state: Exclude<TrainingState, 'cancelled'> };

/** The attempt that settles the matter, if one of these does. */
export function settlementOf<A extends Attempt>(attempts: readonly A[]): Settled<A> | undefined {
  const settled = attempts.filter(isSettled);
  const final = settled.find(({ state }) => state !== 'failed');
  return final ?? (settled.length >= MAX_ATTEMPTS ? settled.at(-1) : undefined);
}

/**
 * Attempts until something settles the matter; each attempt is stored. `earlier` settle nothing by themselves.
 * @throws {@link Interrupted} when an attempt was cancelled; {@link RunError} where the machine is at fault.
 */
export async function attemptUntilSettled<A extends Attempt>(
  earlier: readonly A[],
  attemptOnce: (attempt: number) => Promise<A>,
  store: (attempt: A) => void,
): Promise<Settled<A>> {
  let nFailed = earlier.filter(({ state }) => state === 'failed').length;
  for (let attempt = earlier.length + 1; ; attempt++) {
    const record = await attemptOnce(attempt);
    refuseSystemFailure(record);
    store(record);
    if (!isSettled(record)) throw new Interrupted('stopped under way');
    if (record.state !== 'failed' || ++nFailed >= MAX_ATTEMPTS) return record;
  }
}

/** Records by a name that each has, in their order. */
export function groupBy<A>(records: readonly A[], nameOf: (record: A) => string): Map<string, A[]> {
  const groups = new Map<string, A[]>();
  for (const record of records) {
    const name = nameOf(record);
    groups.set(name, [...(groups.get(name) ?? []), record]);
  }
  return groups;
}

function isSettled<A extends Attempt>(record: A): record is Settled<A> {
  return record.state !== 'cancelled';
}

/** Error codes that say something of the machine, nothing of the candidate. */
const SYSTEM_FAILURE = /\b(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO|EMFILE|ENFILE)\b/;

/** @throws {@link RunError} where recording a failure would blame the candidate for a full disk. */
function refuseSystemFailure({ state, reason = '' }: Attempt): void {
  const code = state === 'failed' ? SYSTEM_FAILURE.exec(reason)?.[1] : undefined;
  if (code === undefined) return;
  const what = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : `the system refused (${code})`;
  throw new RunError(`${what} while weights were stored: ${reason}; put that right and resume the run`);
}
