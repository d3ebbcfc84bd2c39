// The transformer: token embedding, then blocks of RMSNorm, rotary grouped-query attention and SwiGLU.
// Shapes: B sequences, T positions, N = B*T, D width, H heads, K kv heads, G = H/K heads a group, d head size.
import * as tf from '@tensorflow/tfjs';
import type { Architecture, Layer } from '../../space/architecture.ts';
import { causalSoftmax, type RotaryTables, rmsNorm, rotary, rotaryTables, swiGlu } from './operations.ts';

export type WeightTensors = Readonly<Record<string, tf.Tensor>>;

/** Where a forward pass lets its values be seen or replaced. */
export interface ForwardHooks {
  /** Gets what a weight matrix multiplies, (N, in), with the matrix's name. */
  readonly onInput?: (matrixName: string, x: tf.Tensor2D) => void;
  /** What the KV cache gives back for the keys (rotated) or the values of a layer, (B, T, K, d). */
  readonly throughCache?: (x: tf.Tensor4D) => tf.Tensor4D;
  /** Makes `tokens` the continuation of cached ones. */
  readonly past?: Past;
}

/** What a pass over new tokens knows of those before. C = positions in the cache, used or not. */
export interface Past {
  /** Rotary positions of the T new tokens. */
  readonly tables: RotaryTables;
  /** (T, C + T): 0 where a new token may look, over the cache and then the new ones; very negative elsewhere. */
  readonly mask: tf.Tensor2D;
  /** Cached keys (rotated) and values by layer, (B*K, C, d). */
  readonly keys: Readonly<Record<number, tf.Tensor3D>>;
  readonly values: Readonly<Record<number, tf.Tensor3D>>;
  /** Gets the new tokens' keys (rotated) and values, (B*K, T, d). */
  readonly onNew: (layer: number, keys: tf.Tensor, values: tf.Tensor) => void;
}

/** What every layer of one pass shares. */
interface Shared {
  readonly hooks: ForwardHooks;
  readonly batch: number;
  readonly positions: number;
  readonly headDim: number;
  readonly tables: RotaryTables;
  /** (T, T), or (T, C + T) after cached tokens: 0 where a position may look, very negative ahead of it. */
  readonly mask: tf.Tensor2D;
}

function causalMask(positions: number): tf.Tensor2D {
  const mask = new Float32Array(positions * positions);
  for (let t = 0; t < positions; t++) mask.fill(-1e9, t * positions + t + 1, (t + 1) * positions);
  return tf.tensor2d(mask, [positions, positions]);
}

/** `q . k^T` over the cached and then the new keys; the cache itself is never copied. */
function scoresOf(q: tf.Tensor, k: tf.Tensor, past: tf.Tensor | undefined): tf.Tensor {
  const scores = tf.matMul(q, k, false, true); // (B*K, G*T, T)
  return past === undefined ? scores : tf.concat([tf.matMul(q, past, false, true), scores], 2);
}

/** Values mixed by `weights` (B*K, G*T, C + T). */
function mixedValues(weights: tf.Tensor3D, v: tf.Tensor, past: tf.Tensor | undefined): tf.Tensor {
  if (past === undefined) return tf.matMul(weights, v);
  const cached = past.shape[1]!;
  const onPast = tf.slice(weights, [0, 0, 0], [-1, -1, cached]);
  const onNew = tf.slice(weights, [0, 0, cached], [-1, -1, -1]);
  return tf.add(tf.matMul(onPast, past), tf.matMul(onNew, v));
}

function attention(
  h: tf.Tensor2D,
  weights: WeightTensors,
  layerNumber: number,
  layer: Layer,
  shared: Shared,
): tf.Tensor2D {
  const { batch, positions, headDim, tables, mask, hooks } = shared;
  const prefix = `layers.${layerNumber}.attention`;
  const { nHeads, nKvHeads } = layer;
  const project = (name: string) => {
    hooks.onInput?.(`${prefix}.${name}`, h);
    return tf.matMul(h, weights[`${prefix}.${name}`] as tf.Tensor2D);
  };
  const cached = (x: tf.Tensor4D) => hooks.throughCache?.(x) ?? x;
  const split = (x: tf.Tensor, heads: number) =>
    tf.reshape(x, [batch, positions, heads, headDim]) as tf.Tensor4D;
  const perHead = (x: tf.Tensor4D) => tf.transpose(x, [0, 2, 1, 3]); // (B, heads, T, d)
  // The heads of a group read one kv head as rows of a single product, so keys and values are never repeated.
  const groupRows = (nHeads / nKvHeads) * positions;
  const q = perHead(rotary(split(tf.mul(project('q'), headDim ** -0.5), nHeads), tables));
  const k = perHead(cached(rotary(split(project('k'), nKvHeads), tables)));
  const v = perHead(cached(split(project('v'), nKvHeads)));
  const qGrouped = tf.reshape(q, [batch * nKvHeads, groupRows, headDim]); // (B*K, G*T, d)
  const kGrouped = tf.reshape(k, [batch * nKvHeads, positions, headDim]); // (B*K, T, d)
  const vGrouped = tf.reshape(v, [batch * nKvHeads, positions, headDim]); // (B*K, T, d)
  hooks.past?.onNew(layerNumber, kGrouped, vGrouped);
  const scores = scoresOf(qGrouped, kGrouped, hooks.past?.keys[layerNumber]); // (B*K, G*T, C + T)
  const width = mask.shape[1];
  const attended = causalSoftmax(tf.reshape(scores, [batch, nHeads, positions, width]) as tf.Tensor4D, mask);
  const grouped = tf.reshape(attended, [batch * nKvHeads, groupRows, width]) as tf.Tensor3D;
  const mixed = mixedValues(grouped, vGrouped, hooks.past?.values[layerNumber]); // (B*K, G*T, d)
  const merged = tf.transpose(tf.reshape(mixed, [batch, nHeads, positions, headDim]), [0, 2, 1, 3]); // (B, T, H, d)
  const rows = tf.reshape(merged, [batch * positions, nHeads * headDim]) as tf.Tensor2D; // (N, H*d)
  hooks.onInput?.(`${prefix}.o`, rows);
  return tf.matMul(rows, weights[`${prefix}.o`] as tf.Tensor2D); // (N, D)
}

function feedForward(
  h: tf.Tensor2D,
  weights: WeightTensors,
  prefix: string,
  { onInput }: ForwardHooks,
): tf.Tensor2D {
  onInput?.(`${prefix}.gate`, h);
  onInput?.(`${prefix}.up`, h);
  const gate = tf.matMul<tf.Tensor2D>(h, weights[`${prefix}.gate`] as tf.Tensor2D); // (N, F)
  const up = tf.matMul<tf.Tensor2D>(h, weights[`${prefix}.up`] as tf.Tensor2D); // (N, F)
  const product = swiGlu(gate, up); // (N, F)
  onInput?.(`${prefix}.down`, product);
  return tf.matMul(product, weights[`${prefix}.down`] as tf.Tensor2D); // (N, D)
}

/** Logits (N, V) for `tokens` (B, T). `weights` are named as in `parameterSpecs`. */
export function forward(
  architecture: Architecture,
  weights: WeightTensors,
  tokens: tf.Tensor2D,
  hooks: ForwardHooks = {},
): tf.Tensor2D {
  const [batch, positions] = tokens.shape;
  const { headDim, ropeTheta, layers, tieEmbeddings } = architecture;
  const shared: Shared = {
    hooks,
    batch,
    positions,
    headDim,
    tables: hooks.past?.tables ?? rotaryTables(positions, headDim, ropeTheta),
    mask: hooks.past?.mask ?? causalMask(positions),
  };
  const embedding = weights.embedding as tf.Tensor2D;
  let x = tf.gather(embedding, tf.reshape(tokens, [-1])) as tf.Tensor2D; // (N, D)
  layers.forEach((layer, i) => {
    const norm = (part: string) => rmsNorm(x, weights[`layers.${i}.${part}.norm`] as tf.Tensor1D);
    if (layer.nHeads > 0) {
      x = tf.add(x, attention(norm('attention'), weights, i, layer, shared)) as tf.Tensor2D;
    }
    if (layer.dFf > 0) {
      x = tf.add(
        x,
        feedForward(norm('feedForward'), weights, `layers.${i}.feedForward`, hooks),
      ) as tf.Tensor2D;
    }
  });
  const h = rmsNorm(x, weights.norm as tf.Tensor1D);
  hooks.onInput?.(tieEmbeddings ? 'embedding' : 'head', h);
  const head = (tieEmbeddings ? embedding : weights.head) as tf.Tensor2D;
  return tf.matMul(h, head, false, tieEmbeddings); // (N, V)
}
