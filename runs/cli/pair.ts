// `pair`: a trained candidate with every draft that it could have, measured and priced, and which of them is best.
import type { Command } from 'commander';
import { countParameters } from '../../space/architecture.ts';
import { longestDraft } from '../../space/draft.ts';
import { CANDIDATE_ARGUMENT, namedCandidate } from '../candidates/named-candidate.ts';
import { type NamedDraft, type PairRow, pairTable } from '../candidates/pair.ts';
import {
  hasWeights,
  planOfRun,
  requireWeights,
  type ServedCandidate,
  servedCandidate,
} from '../candidates/served.ts';
import { formatCount, formatSeconds, formatTable } from '../format.ts';
import { estimateDeployed } from '../plan/costs.ts';
import { explainVerdict } from '../plan/speculation.ts';
import { checkpointFolderOf, createTrainer } from '../plan/train.ts';
import { RunReader } from '../store/queries.ts';
import { DRAFT_FORMS, defaultDrafts, namedDraft } from './draft-option.ts';
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

/** What is measured where no lengths are asked for. */
const DEFAULT_LENGTHS: readonly number[] = [1, 2, 3, 4, 6, 8];

interface PairOptions extends CommonOptions, EngineOptions {
  readonly draft?: readonly string[];
  readonly lengths: readonly number[];
  readonly align: number;
  readonly temperature: number;
  readonly topP: number;
  readonly retrain?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer pair latest 12                              what the run trained that is small enough, first layers, look-up
  paretoformer pair latest 12 --draft 7 self:2 --lengths 1,2,4
  paretoformer pair latest 12 --draft 7 --align 300        the same draft, brought closer to its target`;

export function addPair(program: Command): void {
  const command = program
    .command('pair')
    .description(
      'measure drafts for a trained candidate; what speculation with each is worth, and which is best',
    )
    .argument('<run>', RUN_ARGUMENT)
    .argument('<candidate>', CANDIDATE_ARGUMENT)
    .option('--draft <names...>', `${DRAFT_FORMS}; by default what the run has that is small enough`)
    .option('--lengths <list>', 'tokens that a round drafts, such as 1,2,4', lengthsOf, DEFAULT_LENGTHS)
    .option(
      '--align <steps>',
      'train draft models on the target for so many steps, and measure again',
      wholeNumber(0),
      0,
    )
    .option('--temperature <t>', 'of sampling; 0 = greedy', numberBetween('--temperature', 0, 10), 1)
    .option('--top-p <share>', 'nucleus of sampling', numberBetween('--top-p', 0.01, 1), 1)
    .option('--retrain', 'train weights anew that are gone')
    .option('-q, --quiet', 'no progress');
  addEngineOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (run: string, candidate: string) => {
      await pair(run, candidate, command.optsWithGlobals<PairOptions>());
    });
}

/** `1,2,4`. */
function lengthsOf(text: string): number[] {
  const lengths = text.split(',').map(Number);
  if (lengths.every((length) => Number.isSafeInteger(length) && length >= 1 && length <= 64)) {
    return [...new Set(lengths)].sort((a, b) => a - b);
  }
  throw new UsageError(`--lengths is a list of whole numbers from 1 to 64, such as 1,2,4, not "${text}"`);
}

/** Lengths whose rounds fit into the texts that pairs are measured on. @throws {@link UsageError} for one that was asked for and does not */
function fittingLengths(lengths: readonly number[], contextLength: number): readonly number[] {
  const longest = longestDraft(contextLength);
  const fitting = lengths.filter((length) => length <= longest);
  if (fitting.length === lengths.length || lengths === DEFAULT_LENGTHS) return fitting;
  throw new UsageError(
    `--lengths ${lengths.at(-1)}: behind its prompt a text of ${contextLength} tokens, the context of this model, has room for ${longest}`,
  );
}

async function pair(run: string, name: string, options: PairOptions): Promise<void> {
  const { retrain = false } = options;
  const reader = new RunReader(options.db);
  const details = reader.run(reader.resolve(run));
  const target = servedCandidate(reader, details.id, namedCandidate(reader, details.id, name));
  const draftLengths = fittingLengths(options.lengths, target.candidate.architecture.contextLength);
  const wanted =
    options.draft?.map((text) => namedDraft(text, reader, details.id, target, details.spec)) ??
    defaultDrafts(reader, details.id, target, details.spec);
  reader.close();
  const folder = checkpointFolderOf(options.db, details.id);
  const plan = planOfRun(details, { retrain });
  const spec = await withWorkingEngine(plan.spec, options);
  const isThere = ({ draft }: NamedDraft) =>
    draft.kind !== 'model' || hasWeights(draft.model, folder, spec.training);
  if (!retrain) {
    requireWeights(`candidate ${target.candidate.number}`, target.task, folder, spec.training);
    for (const { name, draft } of options.draft === undefined ? [] : wanted)
      if (draft.kind === 'model') requireWeights(name, draft.model, folder, spec.training);
  }
  const drafts = retrain ? wanted : wanted.filter(isThere);
  const missing = wanted.filter((each) => !drafts.includes(each)).map((each) => each.name);
  if (missing.length > 0 && options.quiet !== true)
    note(`left out, as their weights are not there: ${missing.join('; ')} (--retrain trains them)`);
  const evaluator = createTrainer({ ...plan, spec }, 1, folder);
  const sampling = { temperature: options.temperature, topP: options.topP };
  try {
    const rows = await pairTable({
      evaluator,
      target,
      drafts,
      setting: plan.setting,
      sampling,
      draftLengths,
      alignmentSteps: options.align,
      onStart: (draft, steps) => {
        if (options.quiet !== true)
          note(steps === 0 ? `measuring ${draft}` : `aligning ${draft} for ${steps} steps`);
      },
    });
    const { decodeSecondsPerToken: aloneSeconds } = estimateDeployed(target.candidate, plan.setting);
    const best = bestOf(rows);
    if (options.json === true) {
      printJson({
        run: details.id,
        target: target.candidate.number,
        rung: target.rung,
        accelerator: plan.spec.accelerator,
        workload: plan.spec.workload,
        sampling,
        aloneSecondsPerToken: aloneSeconds,
        drafts: rows,
        best: best === undefined ? null : { draft: best.draft, alignmentSteps: best.alignmentSteps },
      });
    } else
      print(textOf(options, target, plan.spec.accelerator, plan.spec.workload.batch, aloneSeconds, rows));
  } finally {
    await evaluator.close();
  }
}

/** The row that is worth most; undefined where the target is better off alone. */
function bestOf(rows: readonly PairRow[]): PairRow | undefined {
  const paying = rows.filter(({ verdict }) => verdict.draftLength > 0);
  return paying.toSorted((a, b) => b.verdict.speedup - a.verdict.speedup)[0];
}

const nameOf = ({ draft, alignmentSteps }: PairRow) =>
  alignmentSteps === 0 ? draft : `${draft}, aligned for ${alignmentSteps} steps`;

/** What is accepted of a draft: over all positions, or of what look-up proposed. */
const acceptanceOf = ({ acceptance, lengths }: PairRow) => acceptance ?? lengths[0]!.acceptedOverTested;

function textOf(
  { temperature, topP }: PairOptions,
  target: ServedCandidate,
  accelerator: string,
  batch: number,
  aloneSeconds: number,
  rows: readonly PairRow[],
): string {
  const { candidate, rung, loss } = target;
  const how =
    temperature === 0 ? 'greedy' : `temperature ${temperature}${topP < 1 ? `, nucleus ${topP}` : ''}`;
  const best = bestOf(rows);
  return [
    `target: candidate ${candidate.number}, ${formatCount(countParameters(candidate.architecture))} parameters as trained, rung ${rung}, loss ${loss.toFixed(4)}`,
    `alone ${formatSeconds(aloneSeconds)} a token on ${accelerator}, batch ${batch}; acceptance on text that the target writes, ${how}`,
    '',
    draftTable(rows),
    '',
    lengthTable(rows),
    '',
    best === undefined
      ? 'best: the target alone'
      : `best: ${nameOf(best)}, ${best.verdict.draftLength} drafted a round, ${best.verdict.speedup.toFixed(2)}x`,
    ...rows.map((row) => `  ${nameOf(row)} ${explainVerdict(row.verdict, acceptanceOf(row))}`),
  ].join('\n');
}

function draftTable(rows: readonly PairRow[]): string {
  const columns = [
    { heading: 'draft', align: 'left' as const },
    ...['parameters', 'a step of the target', 'acceptance', '± s.e.', 'expected', 'needed'].map(
      (heading) => ({ heading }),
    ),
  ];
  return formatTable(
    columns,
    rows.map((row) => [
      nameOf(row),
      row.parameters === 0 ? '-' : formatCount(row.parameters),
      row.verdict.draftRatio.toFixed(3),
      acceptanceOf(row).toFixed(3),
      row.standardError?.toFixed(3) ?? '-',
      row.expectedAcceptance.toFixed(3),
      row.verdict.neededAcceptance?.toFixed(3) ?? 'beyond 1',
    ]),
  );
}

function lengthTable(rows: readonly PairRow[]): string {
  const columns = [
    { heading: 'draft', align: 'left' as const },
    ...['drafted', 'accepted/tested', 'tokens a round', 'a token', 'speed-up'].map((heading) => ({
      heading,
    })),
  ];
  return formatTable(
    columns,
    rows.flatMap((row) =>
      row.lengths.map((each) => [
        nameOf(row),
        String(each.draftLength),
        each.acceptedOverTested.toFixed(3),
        each.tokensPerRound.toFixed(2),
        formatSeconds(each.secondsPerToken),
        `${each.speedup.toFixed(2)}x`,
      ]),
    ),
  );
}
