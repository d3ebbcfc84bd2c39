// Byte-pair training (Sennrich et al. 2016, algorithm 1) on the counts of distinct words: each merge touches
// only the words that hold its pair, and a heap with late deletion finds the next pair.
import { createVocabularyBuilder, MAX_VOCAB_SIZE, pairKey, type Vocabulary } from './bpe-vocabulary.ts';
import { createHeap, type Heap } from './heap.ts';
import { preTokenize } from './pre-tokenize.ts';
import { createWordTable } from './word-table.ts';

/** A pair seen less often than this is no pattern. */
const MIN_PAIR_COUNT = 2;
/** Longer words are counted in pieces, so that no text makes training slow. */
const MAX_WORD_BYTES = 128;

interface PairCount {
  readonly key: number;
  readonly count: number;
}

interface TrainingState {
  /** Token ids of all distinct words, one after the other; a word shrinks in place. */
  readonly symbols: Uint16Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly wordCounts: Float64Array;
  readonly pairCounts: Map<number, number>;
  /** By pair: the words that hold it or held it once. */
  readonly wordsOfPair: Map<number, number[]>;
  readonly heap: Heap<PairCount>;
}

/**
 * Merges the most frequent adjacent pair, the one with the smaller ids among equals, until there are `vocabSize`
 * tokens or no pair appears twice. The same texts in any order give the same vocabulary.
 */
export function trainBytePairs(texts: readonly Uint8Array[], vocabSize: number): Vocabulary {
  if (!Number.isInteger(vocabSize) || vocabSize < 256 || vocabSize > MAX_VOCAB_SIZE) {
    throw new RangeError(`a byte-pair vocabulary of ${vocabSize} is not within 256 .. ${MAX_VOCAB_SIZE}`);
  }
  const state = countPairs(texts);
  const builder = createVocabularyBuilder();
  const { vocabulary } = builder;
  while (vocabulary.tokens.length < vocabSize) {
    const best = nextPair(state);
    if (best === undefined) break;
    const left = Math.floor(best.key / 65536);
    const right = best.key % 65536;
    applyMerge(state, left, right, builder.add([left, right]));
  }
  return vocabulary;
}

function countPairs(texts: readonly Uint8Array[]): TrainingState {
  const table = createWordTable();
  const counts: number[] = [];
  for (const text of texts) {
    preTokenize(text, (start, end) => {
      for (let at = start; at < end; at += MAX_WORD_BYTES) {
        const id = table.intern(text, at, Math.min(end, at + MAX_WORD_BYTES));
        counts[id] = (counts[id] ?? 0) + 1;
      }
    });
  }
  const nWords = table.size();
  const lengths = Int32Array.from({ length: nWords }, (_, id) => table.word(id).length);
  const starts = new Int32Array(nWords + 1);
  for (let id = 0; id < nWords; id++) starts[id + 1] = starts[id]! + lengths[id]!;
  const symbols = new Uint16Array(starts[nWords]!);
  for (let id = 0; id < nWords; id++) symbols.set(table.word(id), starts[id]!);
  const state: TrainingState = {
    symbols,
    starts,
    lengths,
    wordCounts: Float64Array.from(counts),
    pairCounts: new Map(),
    wordsOfPair: new Map(),
    heap: createHeap((a, b) => a.count > b.count || (a.count === b.count && a.key < b.key)),
  };
  const changes = new Map<number, number>();
  for (let id = 0; id < nWords; id++)
    addPairs(state, id, 1, changes, (left, right) => note(state, left, right, id));
  applyChanges(state, changes);
  return state;
}

/** The most frequent pair of now; entries of the heap that a later count outdated are dropped. */
function nextPair({ heap, pairCounts }: TrainingState): PairCount | undefined {
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    if (pairCounts.get(top.key) === top.count) return top.count >= MIN_PAIR_COUNT ? top : undefined;
  }
  return undefined;
}

function applyMerge(state: TrainingState, left: number, right: number, id: number): void {
  const key = pairKey(left, right);
  const changes = new Map<number, number>();
  for (const word of state.wordsOfPair.get(key) ?? []) {
    if (!holdsPair(state, word, left, right)) continue;
    addPairs(state, word, -1, changes);
    mergeInWord(state, word, left, right, id);
    addPairs(state, word, 1, changes, (a, b) => {
      if (a === id || b === id) note(state, a, b, word);
    });
  }
  state.wordsOfPair.delete(key);
  applyChanges(state, changes);
}

/** Adds `sign` times the word's count to the change of each of its pairs. */
function addPairs(
  { symbols, starts, lengths, wordCounts }: TrainingState,
  word: number,
  sign: 1 | -1,
  changes: Map<number, number>,
  onPair?: (left: number, right: number) => void,
): void {
  const count = sign * wordCounts[word]!;
  const end = starts[word]! + lengths[word]! - 1;
  for (let i = starts[word]!; i < end; i++) {
    const left = symbols[i]!;
    const right = symbols[i + 1]!;
    const key = pairKey(left, right);
    changes.set(key, (changes.get(key) ?? 0) + count);
    onPair?.(left, right);
  }
}

/** Remembers that a word holds a pair; a repetition right after is left out. */
function note({ wordsOfPair }: TrainingState, left: number, right: number, word: number): void {
  const key = pairKey(left, right);
  const words = wordsOfPair.get(key);
  if (words === undefined) wordsOfPair.set(key, [word]);
  else if (words[words.length - 1] !== word) words.push(word);
}

function applyChanges({ pairCounts, heap }: TrainingState, changes: ReadonlyMap<number, number>): void {
  for (const [key, change] of changes) {
    if (change === 0) continue;
    const count = (pairCounts.get(key) ?? 0) + change;
    if (count === 0) pairCounts.delete(key);
    else {
      pairCounts.set(key, count);
      heap.push({ key, count });
    }
  }
}

function holdsPair(state: TrainingState, word: number, left: number, right: number): boolean {
  const { symbols, starts, lengths } = state;
  const end = starts[word]! + lengths[word]! - 1;
  for (let i = starts[word]!; i < end; i++) if (symbols[i] === left && symbols[i + 1] === right) return true;
  return false;
}

/** Replaces the pair by `id` from left to right, in place. */
function mergeInWord(state: TrainingState, word: number, left: number, right: number, id: number): void {
  const { symbols, starts, lengths } = state;
  const end = starts[word]! + lengths[word]!;
  let to = starts[word]!;
  for (let from = to; from < end; to++) {
    const isPair = from + 1 < end && symbols[from] === left && symbols[from + 1] === right;
    symbols[to] = isPair ? id : symbols[from]!;
    from += isPair ? 2 : 1;
  }
  lengths[word] = to - starts[word]!;
}
