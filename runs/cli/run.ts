// `run` and `resume`: carry a search to its end, show how it goes, print the front.
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { metricOf, metricTable } from '../../space/metrics.ts';
import { queryFront } from '../candidates/front-query.ts';
import { describeEngine } from '../describe.ts';
import { type RunOutcome, resumeRun, startRun } from '../loop/execute.ts';
import { refuseOtherFormat } from '../loop/resumable.ts';
import type { ExecuteOptions } from '../loop/runnable.ts';
import { explainIdle, idleObjectives, surveySpace } from '../plan/bounds.ts';
import { engineOf, isSameEngine } from '../plan/engine.ts';
import { planRun, type RunPlan, readSpec } from '../plan/plan.ts';
import { checkpointFolderOf, createTrainer, threadsOf } from '../plan/train.ts';
import { RunReader } from '../store/queries.ts';
import { suggestion } from '../store/store-error.ts';
import { addEngineOptions, type EngineOptions, withWorkingEngine } from './engine-options.ts';
import { frontDocument, frontText } from './front.ts';
import { type ProgressView, plainView, spinnerView } from './progress.ts';
import { keepHeapSmall } from './small-heap.ts';
import { listenForStop } from './stop-signal.ts';
import {
  type CommonOptions,
  EXIT_FAILURE,
  EXIT_INTERRUPTED,
  isTerminal,
  note,
  print,
  printJson,
  RUN_ARGUMENT,
  wholeNumber,
} from './terminal.ts';

interface RunOptions extends CommonOptions, EngineOptions {
  readonly threads?: number;
  readonly quiet?: boolean;
}

function withRunOptions(command: Command): Command {
  return addEngineOptions(
    command.option('--threads <n>', 'training threads; changes the time, not the result', wholeNumber(1)),
  ).option('-q, --quiet', 'no progress');
}

const RUN_EXAMPLES = `
Examples:
  paretoformer run space.yaml                 into paretoformer.db; Ctrl-C stops, 'resume' goes on
  paretoformer run space.yaml --threads 2 --db models.db
  paretoformer run space.yaml --quiet --json > front.json`;

const RESUME_EXAMPLES = `
Examples:
  paretoformer resume latest
  paretoformer resume latest --threads 1      any number of threads gives the same result`;

export function addRun(program: Command): void {
  withRunOptions(program.command('run').description('search a space and print its front'))
    .argument('<file>', 'YAML file of the space')
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (file: string, _options, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>();
      const specFolder = dirname(resolve(file));
      const spec = await withWorkingEngine(readSpec(file, specFolder), options);
      const plan = planRun(spec, specFolder);
      if (options.quiet !== true) noteIdleObjectives(plan);
      await execute(plan, options, (settings) => startRun(plan, settings));
    });
}

function noteIdleObjectives({ problem, spec }: RunPlan): void {
  for (const idle of idleObjectives(problem, surveySpace(problem, spec.seed))) note(explainIdle(idle));
}

export function addResume(program: Command): void {
  withRunOptions(
    program.command('resume').description('continue an interrupted run to the result it would have had'),
  )
    .argument('<run>', RUN_ARGUMENT)
    .addHelpText('after', RESUME_EXAMPLES)
    .action(async (run: string, _options, command: Command) => {
      const options = command.optsWithGlobals<RunOptions>();
      const reader = new RunReader(options.db);
      const details = reader.run(reader.resolve(run));
      reader.close();
      if (details.state === 'finished') {
        note(`run ${details.id} is finished`);
        showResult(options, { kind: 'finished', runId: details.id });
        return;
      }
      refuseOtherFormat(details);
      const spec = await withWorkingEngine(details.spec, options);
      if (!isSameEngine(spec.engine, engineOf(details.spec))) {
        const [now, before] = [spec.engine, engineOf(details.spec)].map(describeEngine);
        note(`what ${now} computes from here on differs in the last digits from what ${before} would`);
      }
      const plan = planRun(spec, details.specFolder);
      await execute(plan, options, (settings) => resumeRun(plan, details.id, settings));
    });
}

async function execute(
  plan: RunPlan,
  options: RunOptions,
  start: (settings: ExecuteOptions) => Promise<RunOutcome>,
): Promise<void> {
  keepHeapSmall();
  const maxThreads = threadsOf(plan.spec, options.threads);
  const view = viewOf(options);
  const { signal, stopListening } = listenForStop(() => {
    view.end();
    note('stopping; once more ends at once');
  });
  let outcome: RunOutcome;
  try {
    outcome = await start({
      databasePath: options.db,
      maxThreads,
      createEvaluator: (runId) => createTrainer(plan, maxThreads, checkpointFolderOf(options.db, runId)),
      emit: view.listen,
      signal,
    });
  } finally {
    view.end();
    stopListening();
  }
  showResult(options, outcome);
}

function viewOf({ quiet }: RunOptions): ProgressView {
  if (quiet === true) return { listen: () => {}, end: () => {} };
  // Some pseudo-terminals claim to have no columns; a spinner cannot live there.
  const canSpin = isTerminal(process.stderr) && process.stderr.columns > 0;
  return canSpin ? spinnerView(process.stderr, Date.now) : plainView(note, Date.now);
}

function showResult(
  options: RunOptions,
  outcome: { readonly kind: RunOutcome['kind']; readonly runId: string },
): void {
  const { kind, runId } = outcome;
  const resumeCommand = suggestion(`resume ${runId}`, options.db);
  let hasNone = true;
  const reader = new RunReader(options.db);
  try {
    const details = reader.run(runId);
    const objectives = details.objectives.map(({ metric }) => metric);
    const metric = objectives[0]!;
    const { better } = metricOf(metricTable(details.spec), metric);
    const sort = { metric, descending: better === 'higher' };
    const front = queryFront(reader, runId, { sort });
    hasNone = front === undefined || front.members.length === 0;
    if (options.json === true) {
      const document = frontDocument(details, objectives, front);
      printJson(kind === 'interrupted' ? { ...document, resume: resumeCommand } : document);
    } else if (kind === 'finished') print(frontText(details, objectives, front));
  } finally {
    reader.close();
  }
  if (kind === 'finished') {
    if (hasNone) failEmpty(runId, options.db);
    else if (options.quiet !== true && options.json !== true) {
      const [pick, report] = ['pick', 'report'].map((next) => suggestion(next, options.db));
      note(`next: '${pick}' proposes a member, '${report}' writes a page with charts`);
    }
    return;
  }
  note(`interrupted; continue with: ${resumeCommand}`);
  process.exitCode = EXIT_INTERRUPTED;
}

/** A search without a result is a failure to whoever waits for one. */
function failEmpty(runId: string, db: string): void {
  const show = suggestion(`show ${runId} 0`, db);
  note(`paretoformer: no feasible candidate was trained to the end; '${show}' shows what the first one met`);
  process.exitCode = EXIT_FAILURE;
}
