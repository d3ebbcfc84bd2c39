// Everything that a cost model asks of a pair: tokens a round by draft length, for any kind of draft, from text that
// the target wrote, without generating again for every length.
import type { Engine } from '../engine/program.ts';
import { firstLayers, type LanguageModel } from '../generation/language-model.ts';
import type { SamplingSettings } from '../generation/sampling.ts';
import type { PairLength } from '../outcome.ts';
import { forecastRounds, type MeanAcceptance, meanAcceptance, measureAcceptance } from './acceptance.ts';
import { type DraftSource, type LookupSettings, lookupTokens } from './drafter.ts';

export interface PairMeasurement {
  /** Over all positions of the target's text from the first on; `undefined` for look-up, which has no distribution. */
  readonly overlap: MeanAcceptance | undefined;
  readonly lengths: readonly PairLength[];
}

export interface PairSettings {
  readonly sampling: SamplingSettings;
  readonly draftLengths: readonly number[];
  /** Tokens at the start of each text that count as its prompt. */
  readonly promptTokens: number;
  /** A model stops drafting where the product of its confidences falls below; 0 never stops. */
  readonly confidence?: number;
}

/**
 * Given the text that the target wrote, look-up either drafted the token that stands there, and then the target keeps
 * it (its share of the text's probability is its whole: min(1, q/p) = 1), or it did not.
 */
function lookupLength(
  texts: readonly Uint16Array[],
  settings: LookupSettings,
  draftLength: number,
  promptTokens: number,
): PairLength {
  let [rounds, tested, accepted] = [0, 0, 0];
  const counts = Array.from({ length: draftLength + 1 }, () => 0);
  for (const written of texts) {
    const text = [...written];
    for (let at = promptTokens; at + draftLength < text.length; ) {
      const proposed = lookupTokens(text.slice(0, at), draftLength, settings);
      let kept = 0;
      while (kept < proposed.length && proposed[kept] === text[at + kept]) kept++;
      rounds++;
      counts[proposed.length]!++;
      accepted += kept;
      tested += Math.min(kept + 1, proposed.length);
      at += kept + 1;
    }
  }
  return {
    draftLength,
    tokensPerRound: 1 + accepted / rounds,
    acceptedOverTested: tested === 0 ? 0 : accepted / tested,
    drafted: counts.map((count) => count / rounds),
    draftPasses: 0,
  };
}

/**
 * Measures a draft of `target` on `texts` that the target wrote with the same sampling settings (`writeTexts`).
 * @throws RangeError where vocabularies differ, texts are longer than a context, or no round of a length fits into them.
 */
export async function measurePair(
  target: LanguageModel,
  source: DraftSource,
  texts: readonly Uint16Array[],
  { sampling, draftLengths, promptTokens, confidence = 0 }: PairSettings,
  engine?: Engine,
): Promise<PairMeasurement> {
  const longest = Math.max(0, ...texts.map(({ length }) => length - 1 - promptTokens));
  const tooLong = draftLengths.find((draftLength) => draftLength > longest);
  if (tooLong !== undefined)
    throw new RangeError(
      `a round of ${tooLong} drafted tokens does not fit into ${longest} tokens after the prompt`,
    );
  if (source.kind === 'lookup') {
    const lengths = draftLengths.map((k) => lookupLength(texts, source, k, promptTokens));
    return { overlap: undefined, lengths };
  }
  const draft = source.kind === 'model' ? source.model : firstLayers(target, source.nLayers);
  const trace = await measureAcceptance(target, draft, texts, sampling, engine);
  // Position t of a trace is about token t + 1.
  const first = promptTokens - 1;
  return {
    overlap: meanAcceptance(trace, first),
    lengths: draftLengths.map((draftLength) =>
      forecastRounds(trace, trace.kept, draftLength, { firstPosition: first, confidence }),
    ),
  };
}
