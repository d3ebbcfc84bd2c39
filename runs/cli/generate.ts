// `generate`: text from a trained candidate as it is deployed, with and without a draft, and the pace of this machine.
import type { Command } from 'commander';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import type { MeasurementTask } from '../../evaluators/port.ts';
import {
  type Drafting,
  type ModelRoom,
  openModels,
  tokenizerOf,
  type Writing,
  write,
} from '../candidates/generation.ts';
import { CANDIDATE_ARGUMENT, namedCandidate } from '../candidates/named-candidate.ts';
import type { NamedDraft } from '../candidates/pair.ts';
import {
  hasMeasuredDraft,
  planOfRun,
  requireWeights,
  type ServedCandidate,
  servedCandidate,
} from '../candidates/served.ts';
import { formatNumber, formatTable, plural } from '../format.ts';
import { checkpointFolderOf, taskSettings } from '../plan/train.ts';
import { type RunDetails, RunReader } from '../store/queries.ts';
import { DRAFT_FORMS, namedDraft, ownDraft } from './draft-option.ts';
import { addEngineOptions, type EngineOptions, withWorkingEngine } from './engine-options.ts';
import { numberBetween } from './serving.ts';
import {
  type CommonOptions,
  note,
  print,
  printJson,
  RUN_ARGUMENT,
  UsageError,
  wholeNumber,
} from './terminal.ts';

/** Tokens that a draft which the run does not serve drafts a round. */
const DEFAULT_LENGTH = 3;

/** Tokens that a round drafts at most; a pass is compiled for each number up to it. */
const MOST_DRAFTED = 64;

interface GenerateOptions extends CommonOptions, EngineOptions {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly draft?: string;
  readonly draftLength?: number;
  readonly align?: number;
  readonly compare?: boolean;
  readonly retrain?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer generate latest 12 --prompt 'The state of the union' --tokens 200
  paretoformer generate latest 12 --prompt 'The state of' --draft 7 --draft-length 2 --compare
  paretoformer generate latest 12 --prompt 'The state of' --temperature 0 --draft lookup`;

export function addGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description('print text from a trained candidate as it is deployed, with or without a draft')
    .argument('<run>', RUN_ARGUMENT)
    .argument('<candidate>', CANDIDATE_ARGUMENT)
    .requiredOption('--prompt <text>', 'what the text begins with')
    .option('--tokens <n>', 'tokens to write', wholeNumber(1), 200)
    .option('--temperature <t>', 'of sampling; 0 = greedy', numberBetween('--temperature', 0, 10), 1)
    .option('--top-p <share>', 'nucleus of sampling', numberBetween('--top-p', 0.01, 1), 1)
    .option('--seed <n>', 'another seed, another text', wholeNumber(0), 1)
    .option(
      '--draft <name>',
      `what drafts tokens: ${DRAFT_FORMS}; none for nothing; by default its own where that pays`,
    )
    .option(
      '--draft-length <n>',
      `tokens that a round drafts at most; by default what the run chose, else ${DEFAULT_LENGTH}`,
      lengthOf,
    )
    .option(
      '--align <steps>',
      'first train a draft model on the target for so many steps; by default as the run did',
      wholeNumber(0),
    )
    .option('--compare', 'write without the draft too, and show what it gains on this machine')
    .option('--retrain', 'train weights anew that are gone')
    .option('-q, --quiet', 'the text and nothing else');
  addEngineOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (run: string, candidate: string) => {
      await generateText(run, candidate, command.optsWithGlobals<GenerateOptions>());
    });
}

function lengthOf(text: string): number {
  const length = wholeNumber(1)(text);
  if (length <= MOST_DRAFTED) return length;
  throw new UsageError(`--draft-length is a whole number from 1 to ${MOST_DRAFTED}, not "${text}"`);
}

async function generateText(run: string, name: string, options: GenerateOptions): Promise<void> {
  const { compare, json, retrain = false } = options;
  const reader = new RunReader(options.db);
  const details = reader.run(reader.resolve(run));
  const served = servedCandidate(reader, details.id, namedCandidate(reader, details.id, name));
  const draft = chosenDraft(options.draft, reader, details, served);
  reader.close();
  if (draft === undefined && options.draft === undefined && isUntrained(served) && options.quiet !== true)
    note("without a draft: the run did not train this candidate's own; --draft own --retrain does");
  if (draft === undefined && compare === true)
    throw new UsageError('--compare needs --draft: nothing drafts for this candidate by itself');
  const alignmentSteps =
    draft?.draft.kind === 'model' ? (options.align ?? draft.served?.alignmentSteps ?? 0) : 0;
  const folder = checkpointFolderOf(options.db, details.id);
  const plan = planOfRun(details, { retrain });
  if (!retrain) {
    const { training } = plan.spec;
    requireWeights(`candidate ${served.candidate.number}`, served.task, folder, training);
    if (draft?.draft.kind === 'model') requireWeights(draft.name, draft.draft.model, folder, training);
  }
  const settings = taskSettings({ ...plan, spec: await withWorkingEngine(plan.spec, options) }, folder);
  const room = openModels(settings, progressOf(options));
  const target = await room.target(served.task);
  const drafting =
    draft === undefined
      ? undefined
      : await draftingOf(options, draft, alignmentSteps, served.task, room, target);
  const tokenizer = tokenizerOf(settings);
  const { temperature, topP, tokens: maxTokens, seed } = options;
  const shows = json !== true;
  const writeOnce = async (heading: string, with_?: Drafting): Promise<Writing> => {
    if (shows && compare === true) print(heading);
    if (shows) process.stdout.write(options.prompt);
    const onText = shows ? { onText: (text: string) => process.stdout.write(text) } : {};
    const writing = { sampling: { temperature, topP }, maxTokens, seed, engine: settings.engine, ...onText };
    const written = await write(target, tokenizer, options.prompt, writing, with_);
    if (shows) print(compare === true ? '\n' : '');
    return written;
  };
  const alone = drafting === undefined || compare === true ? await writeOnce('without a draft:') : undefined;
  const how = draft === undefined ? '' : `with ${draft.name}${alignmentSteps > 0 ? ', aligned' : ''}`;
  const drafted = drafting === undefined ? undefined : await writeOnce(`${how}:`, drafting);
  if (json === true) {
    printJson({
      run: details.id,
      candidate: served.candidate.number,
      rung: served.rung,
      prompt: options.prompt,
      ...(alone === undefined ? {} : { alone: documentOf(alone) }),
      ...(drafted === undefined
        ? {}
        : {
            drafted: {
              draft: draft!.name,
              alignmentSteps,
              draftLength: drafting!.draftLength,
              ...documentOf(drafted),
            },
          }),
      ...(alone === undefined || drafted === undefined ? {} : { speedup: speedups(alone, drafted) }),
    });
  } else if (options.quiet !== true) note(paceText(alone, drafted, how));
}

/** The draft that was asked for; where none was, the candidate's own if the run found that it pays. */
function chosenDraft(
  asked: string | undefined,
  reader: RunReader,
  { id, spec }: RunDetails,
  served: ServedCandidate,
): NamedDraft | undefined {
  if (asked === 'none') return undefined;
  if (asked !== undefined) return namedDraft(asked, reader, id, served, spec);
  const pays = (served.speculation?.draftLength ?? 0) > 0;
  return pays && !isUntrained(served) ? ownDraft(served, spec) : undefined;
}

/** Whether the candidate's own draft is a model that the run expects to pay, without having trained it for this. */
function isUntrained(served: ServedCandidate): boolean {
  const { draft } = served.candidate.deployment;
  const pays = (served.speculation?.draftLength ?? 0) > 0;
  return draft?.kind === 'model' && pays && !hasMeasuredDraft(served);
}

async function draftingOf(
  { draftLength: asked, temperature, topP }: GenerateOptions,
  { draft, served }: NamedDraft,
  alignmentSteps: number,
  target: MeasurementTask,
  room: ModelRoom,
  model: LanguageModel,
): Promise<Drafting> {
  const sampling = { temperature, topP };
  // A draft that does not pay is not served, but may be tried.
  const draftLength = asked ?? (served?.draftLength || DEFAULT_LENGTH);
  const { confidence = 0 } = served ?? {};
  const task = { target, draft, sampling, confidence, draftLengths: [draftLength], alignmentSteps };
  return { source: await room.draft(task, model), draftLength, confidence };
}

/** Tells from time to time how far a training is that has to be made up for. */
function progressOf({ quiet }: GenerateOptions) {
  let told = 0;
  return ({ step, totalSteps }: { readonly step: number; readonly totalSteps: number }) => {
    const tenth = Math.floor((10 * step) / totalSteps);
    if (quiet === true || tenth === told) return;
    told = tenth;
    note(`training anew: step ${step} of ${totalSteps}`);
  };
}

function documentOf({ text, tokens, wallSeconds, cpuSeconds, counts }: Writing) {
  const rounds =
    counts === undefined
      ? {}
      : {
          rounds: counts.rounds,
          tokensPerRound: counts.tokens / counts.rounds,
          drafted: counts.drafted,
          tested: counts.tested,
          accepted: counts.accepted,
        };
  return { text, tokens, wallSeconds, cpuSeconds, tokensPerSecond: tokens / wallSeconds, ...rounds };
}

function speedups(alone: Writing, drafted: Writing) {
  const gain = (key: 'wallSeconds' | 'cpuSeconds') =>
    alone[key] / alone.tokens / (drafted[key] / drafted.tokens);
  return { wall: gain('wallSeconds'), processor: gain('cpuSeconds') };
}

function paceText(alone: Writing | undefined, drafted: Writing | undefined, how: string): string {
  if (alone !== undefined && drafted === undefined) {
    const { tokens, wallSeconds } = alone;
    return `${plural(tokens, 'token')}, ${formatNumber(tokens / wallSeconds)} a second on this machine`;
  }
  const rows: string[][] = [];
  const add = (name: string, { tokens, wallSeconds, cpuSeconds, counts }: Writing) =>
    rows.push([
      name,
      String(tokens),
      formatNumber(tokens / wallSeconds),
      formatNumber(tokens / cpuSeconds),
      counts === undefined ? '-' : (counts.tokens / counts.rounds).toFixed(2),
      counts === undefined || counts.tested === 0 ? '-' : (counts.accepted / counts.tested).toFixed(2),
    ]);
  if (alone !== undefined) add('alone', alone);
  if (drafted !== undefined) add(how, drafted);
  const columns = [
    { heading: '', align: 'left' as const },
    ...['tokens', 'tokens a second', 'a processor second', 'tokens a round', 'accepted/tested'].map(
      (heading) => ({ heading }),
    ),
  ];
  const table = formatTable(columns, rows);
  if (alone === undefined || drafted === undefined) return table;
  const { wall, processor } = speedups(alone, drafted);
  return `${table}\nspeed-up on this machine: ${formatNumber(wall)}x by the clock, ${formatNumber(processor)}x in processor time`;
}
