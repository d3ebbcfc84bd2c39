// The runs of a database as plain data.
import { type FrontQuery, queryFront } from '../candidates/front-query.ts';
import { namedCandidate } from '../candidates/named-candidate.ts';
import {
  type EvaluationResult,
  type RunDetails,
  RunReader,
  type RunSummary,
  type StoredFront,
} from '../store/queries.ts';
import type { CandidateRecord, FrontRecord } from '../store/records.ts';
import { DEFAULT_DATABASE } from '../store/store-error.ts';

/** The stored runs. Each is named by `latest`, its id, a part of one that is unique, or its name. All values are in base units. */
export interface StoredRuns {
  /** All runs, oldest first. */
  list(): RunSummary[];
  /** What a run was asked for, its state, and when what happened. */
  get(run?: string): RunDetails;
  /** The members of the newest front, or of the one that the query asks for; undefined before the first. */
  front(run?: string, query?: FrontQuery): StoredFront | undefined;
  /** Size and hypervolume of every generation's front. */
  generations(run?: string): Omit<FrontRecord, 'members'>[];
  /** All candidates, by number, with their exact costs. */
  candidates(run?: string): CandidateRecord[];
  /** One candidate, by its number or the start of its key. */
  candidate(run: string, candidate: number | string): CandidateRecord;
  /** What became of every candidate at every rung it reached, or of one of them. */
  evaluations(run?: string, candidate?: number): EvaluationResult[];
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Opens a database for reading; a run may go on meanwhile. Close it.
 * @throws StoreError where there is none; so does every method where there is no such run or candidate
 */
export function openRuns(database = DEFAULT_DATABASE): StoredRuns {
  const reader = new RunReader(database);
  const id = (run = 'latest') => reader.resolve(run);
  return {
    list: () => reader.runs(),
    get: (run) => reader.run(id(run)),
    front: (run, query = {}) => queryFront(reader, id(run), query),
    generations: (run) => reader.generations(id(run)),
    candidates: (run) => reader.candidates(id(run)),
    candidate: (run, candidate) => namedCandidate(reader, id(run), String(candidate)),
    evaluations: (run, candidate) => reader.evaluations(id(run), candidate),
    close: () => reader.close(),
    [Symbol.dispose]: () => reader.close(),
  };
}
