// Windows of consecutive tokens: inputs and the same one token later as targets, row by row into buffers that
// the caller owns. Pure: which windows depends on the arguments alone.
import type { Rng } from '../../space/random.ts';

/**
 * Fills a batch with windows at uniform positions. `inputs` and `targets` are (batch, contextLength), row-major.
 * @throws RangeError where the text has no window of that length.
 */
export function sampleBatch(
  tokens: Uint16Array,
  batch: number,
  contextLength: number,
  rng: Rng,
  inputs: Int32Array,
  targets: Int32Array,
): void {
  const nOffsets = tokens.length - contextLength;
  if (nOffsets < 1) throw tooShort(tokens, contextLength);
  for (let row = 0; row < batch; row++) {
    copyWindow(tokens, rng.below(nOffsets), contextLength, row, inputs, targets);
  }
}

/** Fills one row for each offset. @throws RangeError for a window that leaves the text. */
export function readWindows(
  tokens: Uint16Array,
  offsets: ArrayLike<number>,
  contextLength: number,
  inputs: Int32Array,
  targets: Int32Array,
): void {
  for (let row = 0; row < offsets.length; row++) {
    copyWindow(tokens, offsets[row]!, contextLength, row, inputs, targets);
  }
}

/**
 * Offsets of windows with at most `maxTokens` targets together, spread evenly from the first to the last token of
 * the text, none overlapping; a multiple of `batch`, so that batches are whole. A text with fewer than `batch`
 * windows, or a `maxTokens` below one batch, still gives one batch, whose windows may then overlap.
 * @throws RangeError where the text has no window of that length.
 */
export function validationWindows(
  tokens: Uint16Array,
  contextLength: number,
  maxTokens: number,
  batch = 1,
): Int32Array {
  const lastOffset = tokens.length - 1 - contextLength;
  if (lastOffset < 0) throw tooShort(tokens, contextLength);
  const nFitting = Math.floor((tokens.length - 1) / contextLength);
  const nWanted = Math.min(nFitting, Math.floor(maxTokens / contextLength));
  const nWindows = Math.max(1, Math.floor(nWanted / batch)) * batch;
  return Int32Array.from({ length: nWindows }, (_, i) =>
    nWindows === 1 ? 0 : Math.floor((i * lastOffset) / (nWindows - 1)),
  );
}

/** Bytes of text that the targets of these windows spell. */
export function countTargetBytes(
  tokens: Uint16Array,
  offsets: ArrayLike<number>,
  contextLength: number,
  bytesPerToken: Int32Array,
): number {
  let nBytes = 0;
  for (let row = 0; row < offsets.length; row++) {
    const first = offsets[row]! + 1;
    for (let i = first; i < first + contextLength; i++) nBytes += bytesPerToken[tokens[i]!]!;
  }
  return nBytes;
}

function copyWindow(
  tokens: Uint16Array,
  offset: number,
  contextLength: number,
  row: number,
  inputs: Int32Array,
  targets: Int32Array,
): void {
  if (!(offset >= 0 && offset + contextLength < tokens.length)) {
    throw new RangeError(`window at ${offset} leaves a text of ${tokens.length} tokens`);
  }
  const at = row * contextLength;
  inputs.set(tokens.subarray(offset, offset + contextLength), at);
  targets.set(tokens.subarray(offset + 1, offset + contextLength + 1), at);
}

function tooShort(tokens: Uint16Array, contextLength: number): RangeError {
  return new RangeError(`${tokens.length} tokens hold no window of ${contextLength} and its targets`);
}
