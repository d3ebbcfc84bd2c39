// The loop of a run. Results are told in the order in which they were asked for, evaluation j is asked once the
// results of 0..j-lag have been told and no others, and trainings go on beside it: so what is asked depends on
// the seed alone. A resumed run is the same loop over trainings that are there already.
import type { HypervolumeBox } from '../../search/index.ts';
import type { AskOutcome, Search, SurrogateReport, Tell } from '../../search/port.ts';
import type { Candidate } from '../../space/candidate.ts';
import { RunError } from '../run-error.ts';
import type { CandidateRecord, EvaluationRecord, FrontRecord, LossForecastRecord } from '../store/records.ts';
import { Interrupted } from './attempts.ts';
import type { DeployMany } from './deploy-many.ts';
import { type Evaluated, evaluate, type Workshop } from './evaluate.ts';
import type { RunListener } from './events.ts';
import { createFronts } from './fronts.ts';

/** Where results go; the store of a run, or a listener in tests. */
interface ResultSink {
  /** Returns false where the result was there already. */
  addEvaluation(candidate: CandidateRecord, evaluation: EvaluationRecord): boolean;
  addFront(front: FrontRecord): void;
  addSurrogateReport(number: number, report: SurrogateReport): void;
  addLossForecast(forecast: LossForecastRecord): void;
}

export interface LoopOptions {
  readonly workshop: Workshop;
  readonly search: Search<Candidate>;
  readonly deployMany: DeployMany;
  /** What the hypervolume of a front is measured in. */
  readonly box: HypervolumeBox;
  readonly lag: number;
  readonly generationSize: number;
  readonly sink: ResultSink;
  readonly emit: RunListener;
  /** Stops everything under way; also called when one evaluation meets what a run cannot survive. */
  readonly abort: AbortController;
}

/** A run whose first so many trainings all fail (not diverge) has another problem than its candidates. */
const HOPELESS_AFTER = 5;

type Settled =
  | { readonly kind: 'done'; readonly result: Evaluated }
  | { readonly kind: 'broken'; readonly error: unknown };

/**
 * Runs a search to its end and returns the last front.
 * @throws {@link Interrupted} when stopped; otherwise the first error that ended it.
 */
export async function runLoop(options: LoopOptions): Promise<FrontRecord> {
  const { search, abort, workshop } = options;
  const pending: Promise<Settled>[] = [];
  const fronts = createFronts(options.box, options.generationSize);
  const keys = new Set<string>();
  let nAsked = 0;
  let nTold = 0;
  let hasTrained = false;
  let firstError: unknown;

  const start = (ask: Extract<AskOutcome<Candidate>, { kind: 'evaluate' }>): void => {
    keys.add(ask.key);
    workshop.heritage.decide(ask);
    if (ask.number !== nAsked) throw new Error(`asked for evaluation ${ask.number}, expected ${nAsked}`);
    nAsked++;
    const work = carryOut(options, ask).then(
      (result): Settled => ({ kind: 'done', result }),
      (error): Settled => {
        if (firstError === undefined || firstError instanceof Interrupted) firstError = error;
        abort.abort();
        return { kind: 'broken', error };
      },
    );
    pending.push(work);
  };
  const tellNext = async (): Promise<void> => {
    const settled = await pending.shift()!;
    if (settled.kind === 'broken') throw settled.error;
    nTold++;
    if (settled.result.evaluation.state !== 'failed') hasTrained = true;
    else if (!hasTrained && nTold >= HOPELESS_AFTER) {
      throw new RunError(
        `the first ${nTold} trainings failed: ${settled.result.evaluation.reason}; put that right and start anew`,
      );
    }
    workshop.heritage.learn(settled.result);
    search.tell(tellOf(settled.result));
    storeFront(options, fronts.add(settled.result));
    storeSurrogateReports();
    adoptBeside(settled.result);
  };
  /** They queue up behind what was asked before, so that results are told in the order of their numbers. */
  const adoptBeside = (result: Evaluated): void => {
    const { candidate, rung } = result.evaluation;
    const { adopted, forecast } = options.deployMany.next(result, (key) => keys.has(key));
    if (forecast !== undefined) options.sink.addLossForecast(forecast);
    for (const genome of adopted) {
      const ask = search.adopt(genome, rung, [candidate]);
      if (ask !== undefined) start(ask);
    }
  };

  let nReports = 0;
  const storeSurrogateReports = (): void => {
    for (const report of search.surrogateReports().slice(nReports)) {
      options.sink.addSurrogateReport(nReports++, report);
    }
  };

  try {
    for (;;) {
      while (pending.length >= options.lag) await tellNext();
      const ask = search.ask();
      if (ask.kind === 'evaluate') start(ask);
      else if (pending.length > 0) await tellNext();
      else if (ask.kind === 'done') break;
      else throw new Error('the search waits for a result, but none is under way');
      if (abort.signal.aborted) throw new Interrupted('stopped');
    }
  } catch (error) {
    abort.abort();
    await Promise.all(pending);
    // What ends a run wakes up the trainings under way as interrupted: the reason is what came first.
    throw error instanceof Interrupted ? (firstError ?? error) : error;
  }
  storeFront(options, fronts.finish());
  storeSurrogateReports();
  return fronts.last();
}

function storeFront(options: LoopOptions, front: FrontRecord | undefined): void {
  if (front === undefined) return;
  options.sink.addFront(front);
  options.emit({ kind: 'generation', front });
}

async function carryOut(
  { workshop, sink, emit }: LoopOptions,
  ask: Extract<AskOutcome<Candidate>, { kind: 'evaluate' }>,
): Promise<Evaluated> {
  const result = await evaluate(ask, workshop);
  const isNew = sink.addEvaluation(result.candidate, result.evaluation);
  emit({ kind: 'evaluated', candidate: result.candidate, evaluation: result.evaluation, isNew });
  return result;
}

function tellOf({ evaluation, objectives, measured }: Evaluated): Tell {
  const { number, violations } = evaluation;
  if (objectives === undefined) return { kind: 'failed', number };
  const startValue = measured?.inheritedLoss;
  return { kind: 'ok', number, objectives, violations, ...(startValue === undefined ? {} : { startValue }) };
}
