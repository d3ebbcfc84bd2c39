// Measures speculation with really trained models: acceptance before and after alignment, tokens a round foretold and
// run, generation timed, unseen pairs predicted. Usage: tsx bench/speculation/main.ts FOLDER [part ...]; what was trained
// is kept in the folder. The part `7b` writes docs/draft-size.svg and its table from the cost model and needs no training.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../../evaluators/data/dataset.ts';
import { writeTexts } from '../../evaluators/distillation/batches.ts';
import { firstLayers, type LanguageModel } from '../../evaluators/generation/language-model.ts';
import { PLAIN_SAMPLING, type SamplingSettings } from '../../evaluators/generation/sampling.ts';
import {
  forecastRounds,
  meanAcceptance,
  measureAcceptance,
} from '../../evaluators/speculation/acceptance.ts';
import type { DraftSource } from '../../evaluators/speculation/drafter.ts';
import { measureBitsPerByte } from '../../evaluators/training/train.ts';
import { expectedTokens } from '../../hardware/speculative-round.ts';
import { countParameters } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import { alignedDraft, LOSSES } from './align.ts';
import { articleDraftRows, draftSizePicture } from './draft-size.ts';
import { race, runPair } from './measure.ts';
import { DRAFT_NAMES, DRAFTS, sotu, TARGET, trainedModel } from './models.ts';
import { predictPairs } from './pairs.ts';
import { compareLessons } from './teachers.ts';

const GREEDY: SamplingSettings = { temperature: 0, topP: 1 };
const NUCLEUS: SamplingSettings = { temperature: 0.7, topP: 0.95 };
const PROMPT_TOKENS = 32;
/** Position t of a trace is about token t + 1. */
const FROM_PROMPT = { firstPosition: PROMPT_TOKENS - 1 };
const LENGTH = TARGET.contextLength;

const row = (...cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`);
const head = (...cells: string[]) => {
  console.log('');
  row(...cells);
  row(...cells.map(() => '---'));
};

/** `n` pieces of the validation text, evenly spread. */
function pieces(data: Dataset, n: number, length: number): Uint16Array[] {
  const last = data.validation.length - length;
  return Array.from({ length: n }, (_, i) => {
    const start = Math.floor((i * last) / (n - 1));
    return data.validation.slice(start, start + length);
  });
}

interface Draft {
  readonly name: string;
  readonly model: LanguageModel;
}

async function prepare(folder: string, data: Dataset): Promise<{ target: LanguageModel; drafts: Draft[] }> {
  const target = await trainedModel(folder, TARGET, data);
  const writing = { nTexts: 256, length: LENGTH + 1, promptTokens: 16, sampling: PLAIN_SAMPLING, batch: 32 };
  const texts = await writeTexts(target, data.train, writing, deriveRng(1, 0, 'bench alignment texts'));
  const drafts: Draft[] = [];
  for (const name of [...DRAFT_NAMES].sort((a, b) => Number(b === '1/10') - Number(a === '1/10'))) {
    const plain = await trainedModel(folder, DRAFTS[name], data);
    drafts.push({ name: `${name} plain`, model: plain });
    for (const [lossName, loss] of Object.entries(LOSSES)) {
      // Longer training alone, as the control, on one size.
      if (lossName === 'text' && name !== '1/10') continue;
      const label = `${name} ${lossName}`;
      drafts.push({
        name: label,
        model: await alignedDraft(folder, label, plain, target, loss, data, texts),
      });
    }
  }
  return { target, drafts };
}

async function acceptanceTable(target: LanguageModel, drafts: readonly Draft[], data: Dataset) {
  const windows = pieces(data, 64, LENGTH + 1);
  head('draft', 'parameters', 'bits a byte', 'sampled', '± s.e.', 'T 0.7, nucleus 0.95', 'greedy');
  for (const { name, model } of drafts) {
    const loss = await measureBitsPerByte(model.architecture, model.weights, data, 32_768);
    const of = async (sampling: SamplingSettings) =>
      meanAcceptance(await measureAcceptance(target, model, windows, sampling));
    const plain = await of(PLAIN_SAMPLING);
    row(
      name,
      countParameters(model.architecture),
      loss.toFixed(3),
      plain.acceptance.toFixed(3),
      plain.standardError.toFixed(3),
      (await of(NUCLEUS)).acceptance.toFixed(3),
      (await of(GREEDY)).acceptance.toFixed(3),
    );
  }
}

/** Tokens a round: foretold from logits alone, and run. */
async function roundsTable(target: LanguageModel, drafts: readonly Draft[], data: Dataset) {
  // No draft reaches beyond the context, where caches are filled anew.
  const maxTokens = LENGTH - PROMPT_TOKENS - 8;
  const prompts = pieces(data, 96, PROMPT_TOKENS).map((text) => [...text]);
  const windows = pieces(data, 64, LENGTH + 1);
  head(
    'draft',
    'sampling',
    'k',
    'run',
    'from target text',
    'from validation text',
    'closed form',
    'accepted/tested',
  );
  for (const sampling of [PLAIN_SAMPLING, NUCLEUS]) {
    const writing = { nTexts: 128, length: LENGTH + 1, promptTokens: PROMPT_TOKENS, sampling, batch: 32 };
    const written = await writeTexts(
      target,
      data.validation,
      writing,
      deriveRng(4, 0, 'bench forecast texts'),
    );
    for (const { name, model } of drafts) {
      if (sampling === NUCLEUS && !name.startsWith('1/10')) continue;
      const own = await measureAcceptance(target, model, written, sampling);
      const other = await measureAcceptance(target, model, windows, sampling);
      const { acceptance } = meanAcceptance(other, PROMPT_TOKENS);
      for (const draftLength of [1, 2, 4, 6]) {
        const source: DraftSource = { kind: 'model', model };
        const counts = await runPair(target, source, prompts, { sampling, draftLength, maxTokens });
        const exact = forecastRounds(own, own.kept, draftLength, FROM_PROMPT);
        const rough = forecastRounds(other, other.overlaps, draftLength, FROM_PROMPT);
        row(
          name,
          sampling === PLAIN_SAMPLING ? 'T 1' : 'T 0.7, nucleus 0.95',
          draftLength,
          (counts.tokens / counts.rounds).toFixed(3),
          exact.tokensPerRound.toFixed(3),
          rough.tokensPerRound.toFixed(3),
          expectedTokens(acceptance, draftLength).toFixed(3),
          (counts.accepted / counts.tested).toFixed(3),
        );
      }
    }
  }
}

/** Drafts that cost no model of their own, and drafting that stops when unsure. */
async function freeDrafts(target: LanguageModel, draft: LanguageModel, data: Dataset) {
  const prompts = pieces(data, 24, PROMPT_TOKENS).map((text) => [...text]);
  const maxTokens = LENGTH - PROMPT_TOKENS;
  const sources: readonly [string, DraftSource, number][] = [
    ['look-up', { kind: 'lookup', longest: 4, shortest: 2 }, 0],
    ['first layer', { kind: 'self', nLayers: 1 }, 0],
    ['first three layers', { kind: 'self', nLayers: 3 }, 0],
    ['1/10 aligned', { kind: 'model', model: draft }, 0],
    ['1/10 aligned, stops at confidence 0.1', { kind: 'model', model: draft }, 0.1],
    ['1/10 aligned, stops at confidence 0.02', { kind: 'model', model: draft }, 0.02],
  ];
  head('draft', 'sampling', 'tokens a round', 'accepted/tested', 'drafted a round', 'draft passes a token');
  for (const sampling of [PLAIN_SAMPLING, NUCLEUS, GREEDY]) {
    for (const [name, source, confidence] of sources) {
      const run = { sampling, draftLength: 4, confidence, maxTokens };
      const counts = await runPair(target, source, prompts, run);
      row(
        name,
        sampling === GREEDY ? 'greedy' : sampling === NUCLEUS ? 'T 0.7, nucleus 0.95' : 'T 1',
        (counts.tokens / counts.rounds).toFixed(3),
        (counts.accepted / Math.max(1, counts.tested)).toFixed(3),
        (counts.drafted / counts.rounds).toFixed(3),
        (counts.draftPasses / counts.tokens).toFixed(2),
      );
    }
  }
}

/** Time on this machine against the model's own expectation. */
async function speedTable(target: LanguageModel, drafts: readonly Draft[], data: Dataset) {
  const prompts = pieces(data, 30, PROMPT_TOKENS).map((text) => [...text]);
  // No draft reaches beyond the context, where caches are filled anew.
  const maxTokens = LENGTH - PROMPT_TOKENS - 8;
  const windows = await writeTexts(
    target,
    data.validation,
    { nTexts: 96, length: LENGTH + 1, promptTokens: PROMPT_TOKENS, sampling: PLAIN_SAMPLING, batch: 32 },
    deriveRng(5, 0, 'bench speed texts'),
  );
  head(
    'draft',
    'k',
    'ms: plain step',
    'round',
    'tokens/s plain',
    'with draft',
    'speed-up',
    'foretold',
    'off by',
    'by passes alone',
  );
  for (const { name, model } of drafts) {
    const trace = await measureAcceptance(target, model, windows, PLAIN_SAMPLING);
    for (const draftLength of [1, 2, 4]) {
      const times = await race(target, model, prompts, { sampling: PLAIN_SAMPLING, maxTokens, draftLength });
      const { tokensPerRound } = forecastRounds(trace, trace.kept, draftLength, FROM_PROMPT);
      const foretold = (tokensPerRound * times.plainRound) / times.round;
      const alone = (tokensPerRound * times.targetStep) / (draftLength * times.draftStep + times.verify);
      const measured = times.plain / times.speculative;
      row(
        name,
        draftLength,
        (1000 * times.plainRound).toFixed(2),
        (1000 * times.round).toFixed(2),
        (1 / times.plain).toFixed(0),
        (1 / times.speculative).toFixed(0),
        measured.toFixed(2),
        foretold.toFixed(2),
        `${(100 * (foretold / measured - 1)).toFixed(0)} %`,
        alone.toFixed(2),
      );
    }
  }
}

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: tsx bench/speculation/main.ts FOLDER [part ...]');
const parts = new Set(process.argv.slice(3));
const wanted = (part: string) => parts.size === 0 || parts.has(part);
if (parts.has('7b')) {
  const gains = [0.6, 0.7, 0.8].map((acceptance) => `gain at ${acceptance} (drafted)`);
  head(
    'target',
    'draft',
    'verification',
    'ms a token',
    'draft step',
    'pays above',
    '1.8x needs',
    'drafted',
    ...gains,
  );
  for (const cells of articleDraftRows()) row(...cells);
  writeFileSync(join(import.meta.dirname, '../../docs/draft-size.svg'), draftSizePicture());
  process.exit();
}
const data = sotu();
const { target, drafts } = await prepare(folder, data);
const aligned = drafts.filter(({ name }) => /plain|variation/.test(name));
const bpb = await measureBitsPerByte(TARGET, target.weights, data, 32_768);
console.log(`target: ${countParameters(TARGET)} parameters, ${bpb.toFixed(3)} bits a byte`);
const selves: Draft[] = [1, 3].map((n) => ({ name: `first ${n} layers`, model: firstLayers(target, n) }));
if (wanted('acceptance')) await acceptanceTable(target, [...drafts, ...selves], data);
if (wanted('rounds')) await roundsTable(target, aligned, data);
if (wanted('free'))
  await freeDrafts(target, drafts.find(({ name }) => name === '1/10 total variation')!.model, data);
if (wanted('speed')) await speedTable(target, aligned, data);
if (wanted('pairs')) await predictPairs(folder, data, target, drafts);
if (wanted('teachers')) {
  head('student', 'learns from', 'steps', 'bits a byte', 'acceptance');
  const windows = pieces(data, 64, LENGTH + 1);
  for await (const cells of compareLessons(folder, data, target, windows)) row(...cells);
}
