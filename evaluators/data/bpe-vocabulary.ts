// A byte-pair vocabulary: the 256 bytes, then the tokens that merges make, in the order in which they appear.
// Two merges may spell the same token ("a"+"bc", "ab"+"c"); both then lead to the same id, as in a tokenizer.json.

/** Token ids to join, lowest rank first in the list that holds it. */
type Merge = readonly [left: number, right: number];

/** The largest vocabulary: ids and pairs of ids stay small integers. */
export const MAX_VOCAB_SIZE = 32768;

export interface Vocabulary {
  /** The bytes of each token. */
  readonly tokens: readonly Uint8Array[];
  readonly merges: readonly Merge[];
  /** By `pairKey`: the merge's rank and the token it makes. */
  readonly ranks: ReadonlyMap<number, { readonly rank: number; readonly id: number }>;
}

export interface VocabularyBuilder {
  readonly vocabulary: Vocabulary;
  /** Adds the next merge and returns the id of the token that it makes. */
  add(merge: Merge): number;
}

/** One number for two ids. */
export function pairKey(left: number, right: number): number {
  return left * 65536 + right;
}

/** Starts with the 256 bytes and no merge. */
export function createVocabularyBuilder(): VocabularyBuilder {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const merges: Merge[] = [];
  const ranks = new Map<number, { rank: number; id: number }>();
  const idBySpelling = new Map(tokens.map((token, id) => [spell(token), id]));
  return {
    vocabulary: { tokens, merges, ranks },
    add(merge) {
      const [left, right] = merge;
      const token = Uint8Array.from([...tokens[left]!, ...tokens[right]!]);
      const spelling = spell(token);
      const id = idBySpelling.get(spelling) ?? tokens.length;
      if (id === tokens.length) {
        tokens.push(token);
        idBySpelling.set(spelling, id);
      }
      ranks.set(pairKey(left, right), { rank: merges.length, id });
      merges.push(merge);
      return id;
    },
  };
}

/** GPT-2's printable stand-ins for the 256 bytes, as in tokenizer.json (Radford et al. 2019, encoder.py). */
const BYTE_CHARACTERS = byteCharacters();
const BYTE_BY_CHARACTER = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

function byteCharacters(): string[] {
  let nHidden = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(isPrintable ? byte : 256 + nHidden++);
  });
}

/** A token in the alphabet of tokenizer.json: `Ġthe` for " the". */
export function spell(token: Uint8Array): string {
  let text = '';
  for (const byte of token) text += BYTE_CHARACTERS[byte];
  return text;
}

/** The merges as tokenizer.json writes them: `Ġ t`. */
export function spellMerges({ tokens, merges }: Vocabulary): string[] {
  return merges.map(([left, right]) => `${spell(tokens[left]!)} ${spell(tokens[right]!)}`);
}

/** The inverse of `spellMerges`. @throws RangeError for a merge of tokens that no earlier merge makes. */
export function readMerges(lines: readonly string[]): Vocabulary {
  const builder = createVocabularyBuilder();
  const ids = new Map([...BYTE_BY_CHARACTER].map(([character, byte]) => [character, byte]));
  for (const [i, line] of lines.entries()) {
    const [left = '', right = '', ...rest] = line.split(' ');
    const merge = [ids.get(left), ids.get(right)] as const;
    const isNew = merge[0] !== undefined && merge[1] !== undefined && rest.length === 0;
    if (!isNew) throw new RangeError(`merge ${i} of the tokenizer, "${line}", joins unknown tokens`);
    ids.set(left + right, builder.add([merge[0]!, merge[1]!]));
  }
  if (builder.vocabulary.tokens.length > MAX_VOCAB_SIZE) {
    throw new RangeError(`the tokenizer has more than ${MAX_VOCAB_SIZE} tokens`);
  }
  return builder.vocabulary;
}
