// Everything that a cost model asks of a pair: tokens a round by draft length, for any kind of draft, from text that
// the target wrote, without generating again for every length.
import { firstLayers, type LanguageModel } from '../generation/language-model.ts';
import type { SamplingSettings } from '../generation/sampling.ts';
import { forecastRounds, type MeanAcceptance, meanAcceptance, measureAcceptance } from './acceptance.ts';
import { type DraftSource, type LookupSettings, lookupTokens } from './drafter.ts';

interface PairLength {
  readonly draftLength: number;
  readonly tokensPerRound: number;
  readonly acceptedOverTested: number;
  /** Rounds in which the draft proposes anything: below 1 for look-up alone. */
  readonly proposalRatio: number;
}

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
  let [rounds, proposals, tested, accepted] = [0, 0, 0, 0];
  for (const written of texts) {
    const text = [...written];
    for (let at = promptTokens; at + draftLength < text.length; ) {
      const drafted = lookupTokens(text.slice(0, at), draftLength, settings);
      let kept = 0;
      while (kept < drafted.length && drafted[kept] === text[at + kept]) kept++;
      rounds++;
      if (drafted.length > 0) proposals++;
      accepted += kept;
      tested += Math.min(kept + 1, drafted.length);
      at += kept + 1;
    }
  }
  return {
    draftLength,
    tokensPerRound: 1 + accepted / rounds,
    acceptedOverTested: tested === 0 ? 0 : accepted / tested,
    proposalRatio: proposals / rounds,
  };
}

/**
 * Measures a draft of `target` on `texts` that the target wrote with the same sampling settings (`writeTexts`).
 * @throws RangeError where vocabularies differ or texts are longer than a context.
 */
export async function measurePair(
  target: LanguageModel,
  source: DraftSource,
  texts: readonly Uint16Array[],
  { sampling, draftLengths, promptTokens }: PairSettings,
): Promise<PairMeasurement> {
  if (source.kind === 'lookup') {
    const lengths = draftLengths.map((k) => lookupLength(texts, source, k, promptTokens));
    return { overlap: undefined, lengths };
  }
  const draft = source.kind === 'model' ? source.model : firstLayers(target, source.nLayers);
  const trace = await measureAcceptance(target, draft, texts, sampling);
  // Position t of a trace is about token t + 1.
  const first = promptTokens - 1;
  return {
    overlap: meanAcceptance(trace, first),
    lengths: draftLengths.map((draftLength) => ({
      draftLength,
      ...forecastRounds(trace.length, trace.kept, draftLength, first),
      proposalRatio: 1,
    })),
  };
}
