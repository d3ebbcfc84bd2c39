// Causal grouped-query attention with its gradient written out.
// Shapes: B sequences, T positions, H heads, K kv heads, G = H/K heads a group, d head size; R = B*K groups, whose
// heads read one kv head as rows of a single product, so that keys and values are never repeated.
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './with-gradient.ts';

/** Contexts up to this are one block. */
const ONE_BLOCK = 128;
const SMALLEST_BLOCK = 64;
const N_BLOCKS = 4;

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Blocks of queries, each of which needs the keys up to its own end alone: four of them leave 37.5 % of the scores
 * uncomputed. Smaller blocks cost more in small products than they leave out.
 */
function spansOf(positions: number): Span[] {
  const block =
    positions <= ONE_BLOCK ? positions : Math.max(SMALLEST_BLOCK, Math.ceil(positions / N_BLOCKS));
  return Array.from({ length: Math.ceil(positions / block) }, (_, i) => ({
    start: i * block,
    end: Math.min(positions, (i + 1) * block),
  }));
}

/** The sizes that every part of one attention shares. */
interface Sizes {
  readonly batch: number;
  readonly positions: number;
  readonly nKvHeads: number;
  readonly group: number;
  readonly headDim: number;
}

/** (B, T, K*G*d) to (R, G, T, d). */
function toGroups(x: tf.Tensor, { batch, positions, nKvHeads, group, headDim }: Sizes): tf.Tensor {
  const heads = tf.reshape(x, [batch, positions, nKvHeads * group, headDim]);
  return tf.reshape(tf.transpose(heads, [0, 2, 1, 3]), [batch * nKvHeads, group, positions, headDim]);
}

/** (R, G, T, d) to (B, T, K*G*d). */
function fromGroups(x: tf.Tensor, { batch, positions, nKvHeads, group, headDim }: Sizes): tf.Tensor3D {
  const heads = tf.reshape(x, [batch, nKvHeads * group, positions, headDim]);
  return tf.reshape(tf.transpose(heads, [0, 2, 1, 3]), [batch, positions, nKvHeads * group * headDim]);
}

/** (R, d, T), as the gradient of a kv head arrives, to (B, T, K*d). */
function fromColumns(x: tf.Tensor, { batch, positions, nKvHeads, headDim }: Sizes): tf.Tensor {
  const heads = tf.reshape(x, [batch, nKvHeads, headDim, positions]);
  return tf.reshape(tf.transpose(heads, [0, 3, 1, 2]), [batch, positions, nKvHeads * headDim]);
}

/** Rows of a block, (R, G, T, d) to (R, G*n, d). */
function rowsOf(x: tf.Tensor, { start, end }: Span): tf.Tensor3D {
  const [groups, group, , headDim] = x.shape as [number, number, number, number];
  const size = end - start;
  const block = tf.slice(x, [0, 0, start, 0], [groups, group, size, headDim]);
  return tf.reshape(block, [groups, group * size, headDim]);
}

/** The rows of all blocks, (R, G*n, d) each, as (R, G, T, d). */
function joinRows(blocks: readonly tf.Tensor[], { group }: Sizes): tf.Tensor {
  const parts = blocks.map((block) => {
    const [groups, rows, headDim] = block.shape as [number, number, number];
    return tf.reshape(block, [groups, group, rows / group, headDim]);
  });
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 2);
}

/** Keys or values up to `end`, (R, T, d) to (R, end, d). */
const upTo = (x: tf.Tensor, end: number): tf.Tensor =>
  tf.slice(x, [0, 0, 0], [x.shape[0]!, end, x.shape[2]!]);

/** The sum of (R, d, end) for growing ends, filled up with zeros. */
const sumPrefixes = (parts: readonly tf.Tensor[]): tf.Tensor =>
  parts.reduce((sum, part) => {
    const missing = part.shape[2]! - sum.shape[2]!;
    const none: [number, number] = [0, 0];
    return tf.add(tf.pad(sum, [none, none, [0, missing]]), part);
  });

/** Softmax of masked scores (R, G*n, end) of one block. */
function weightsOf(q: tf.Tensor, k: tf.Tensor, mask: tf.Tensor2D, { start, end }: Span): tf.Tensor {
  const scores = tf.matMul(q, k, false, true);
  const part = tf.slice(mask, [start, 0], [end - start, end]); // (n, end)
  const perHead = tf.reshape(scores, [q.shape[0]!, -1, end - start, end]);
  return tf.reshape(tf.softmax(tf.add(perHead, part)), scores.shape);
}

/**
 * Attention of `q` (B, T, H*d), whose scores need no further scale, over `k` and `v` (B, T, K*d), as (B, T, H*d).
 * `mask` (T, T) is 0 where a position may look and very negative ahead of it.
 */
export function causalAttention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  mask: tf.Tensor2D,
  headDim: number,
): tf.Tensor3D {
  const [batch, positions, inner] = q.shape;
  const nKvHeads = k.shape[2] / headDim;
  const sizes: Sizes = { batch, positions, nKvHeads, group: inner / k.shape[2], headDim };
  const shared = { ...sizes, group: 1 };
  const rows = (x: tf.Tensor) => tf.reshape(toGroups(x, shared), [batch * nKvHeads, positions, headDim]); // (R, T, d)
  const spans = spansOf(positions);
  return withGradient<tf.Tensor3D>([q, k, v], (save) => {
    const [grouped, keys, values] = [toGroups(q, sizes), rows(k), rows(v)];
    const queries = spans.map((span) => rowsOf(grouped, span)); // (R, G*n, d)
    const weights = spans.map((span, i) => weightsOf(queries[i]!, upTo(keys, span.end), mask, span));
    const mixed = spans.map((span, i) => tf.matMul(weights[i]!, upTo(values, span.end))); // (R, G*n, d)
    save([keys, values, ...queries, ...weights, ...mixed]);
    return {
      value: fromGroups(joinRows(mixed, sizes), sizes),
      gradFunc: (dy, [savedKeys, savedValues, ...saved]) => {
        const dMixed = toGroups(dy, sizes);
        const parts = spans.map((span, i) => {
          const [qs, p, o] = [saved[i]!, saved[spans.length + i]!, saved[2 * spans.length + i]!];
          const dOut = rowsOf(dMixed, span); // (R, G*n, d)
          const dWeights = tf.matMul(dOut, upTo(savedValues!, span.end), false, true); // (R, G*n, end)
          // sum(weights * dWeights) over a row is sum(mixed * dMixed), which is narrower (Dao et al. 2022, eq. 4)
          const along = tf.sum(tf.mul(dOut, o), -1, true); // (R, G*n, 1)
          const dScores = tf.mul(p, tf.sub(dWeights, along)); // (R, G*n, end)
          return {
            dq: tf.matMul(dScores, upTo(savedKeys!, span.end)), // (R, G*n, d)
            // As columns (R, d, end): so it is the narrow operand that is read transposed.
            dk: tf.matMul(qs, dScores, true),
            dv: tf.matMul(dOut, p, true),
          };
        });
        return [
          fromGroups(
            joinRows(
              parts.map(({ dq }) => dq),
              sizes,
            ),
            sizes,
          ),
          fromColumns(sumPrefixes(parts.map(({ dk }) => dk)), sizes),
          fromColumns(sumPrefixes(parts.map(({ dv }) => dv)), sizes),
        ];
      },
    };
  });
}
