// The transformer: token embedding, then blocks of RMSNorm, rotary grouped-query attention and SwiGLU.
// Shapes: B sequences, T positions, N = B*T, D width, H heads, K kv heads, G = H/K heads a group, d head size.
import * as tf from '@tensorflow/tfjs';
import type { Architecture, Layer } from '../../space/architecture.ts';
import { causalAttention } from './attention.ts';
import { linear, type RotaryTables, rmsNorm, rotary, rotaryTables, swiGlu } from './operations.ts';

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
  readonly headDim: number;
  /** The queries' tables carry the scale of the scores, `headDim ** -0.5`. */
  readonly queryTables: RotaryTables;
  readonly keyTables: RotaryTables;
  /** (T, T), or (T, C + T) after cached tokens: 0 where a position may look, very negative ahead of it. */
  readonly mask: tf.Tensor2D;
}

function causalMask(positions: number): tf.Tensor2D {
  const mask = new Float32Array(positions * positions);
  for (let t = 0; t < positions; t++) mask.fill(-1e9, t * positions + t + 1, (t + 1) * positions);
  return tf.tensor2d(mask, [positions, positions]);
}

/** Causal attention (B, T, H*d) over cached and then new keys; the cache itself is never copied. No gradients. */
function cachedAttention(
  q: tf.Tensor3D,
  newKeys: tf.Tensor3D,
  newValues: tf.Tensor3D,
  pastKeys: tf.Tensor3D,
  pastValues: tf.Tensor3D,
  mask: tf.Tensor2D,
): tf.Tensor3D {
  const [batch, positions, inner] = q.shape;
  const [groups, cached, headDim] = pastKeys.shape; // (B*K, C, d)
  const nHeads = inner / headDim;
  const perHead = tf.transpose(tf.reshape(q, [batch, positions, nHeads, headDim]), [0, 2, 1, 3]);
  const grouped = tf.reshape(perHead, [groups, -1, headDim]); // (B*K, G*T, d)
  const products = [pastKeys, newKeys].map((keys) => tf.matMul(grouped, keys, false, true));
  const scores = tf.reshape(tf.concat(products, 2), [batch, nHeads, positions, mask.shape[1]]);
  const weights = tf.reshape(tf.softmax(tf.add(scores, mask)), [groups, -1, mask.shape[1]]); // (B*K, G*T, C + T)
  const onPast = tf.slice(weights, [0, 0, 0], [-1, -1, cached]);
  const onNew = tf.slice(weights, [0, 0, cached], [-1, -1, -1]);
  const mixed = tf.add(tf.matMul(onPast, pastValues), tf.matMul(onNew, newValues)); // (B*K, G*T, d)
  const merged = tf.transpose(tf.reshape(mixed, [batch, nHeads, positions, headDim]), [0, 2, 1, 3]);
  return tf.reshape(merged, [batch, positions, inner]);
}

/** Values mixed by attention, (B, T, H*d). */
function mixedOf(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  layerNumber: number,
  { nKvHeads }: Layer,
  { batch, headDim, mask, hooks: { past } }: Shared,
): tf.Tensor3D {
  if (past === undefined) return causalAttention(q, k, v, mask, headDim);
  const perHead = (x: tf.Tensor3D) =>
    tf.reshape(tf.transpose(tf.reshape(x, [batch, -1, nKvHeads, headDim]), [0, 2, 1, 3]), [
      batch * nKvHeads,
      -1,
      headDim,
    ]) as tf.Tensor3D; // (B*K, T, d)
  const [keys, values] = [perHead(k), perHead(v)];
  past.onNew(layerNumber, keys, values);
  return cachedAttention(q, keys, values, past.keys[layerNumber]!, past.values[layerNumber]!, mask);
}

function attention(
  h: tf.Tensor2D,
  weights: WeightTensors,
  layerNumber: number,
  layer: Layer,
  shared: Shared,
): tf.Tensor2D {
  const { batch, headDim, queryTables, keyTables, hooks } = shared;
  const prefix = `layers.${layerNumber}.attention`;
  const project = (name: string) => {
    hooks.onInput?.(`${prefix}.${name}`, h);
    const rows = linear(h, weights[`${prefix}.${name}`] as tf.Tensor2D);
    return tf.reshape(rows, [batch, -1, rows.shape[1]]) as tf.Tensor3D; // (B, T, heads*d)
  };
  const throughCache = (x: tf.Tensor3D): tf.Tensor3D => {
    if (hooks.throughCache === undefined) return x;
    const heads = tf.reshape(x, [batch, -1, layer.nKvHeads, headDim]) as tf.Tensor4D;
    return tf.reshape(hooks.throughCache(heads), x.shape) as tf.Tensor3D;
  };
  const q = rotary(project('q'), queryTables); // (B, T, H*d)
  const k = throughCache(rotary(project('k'), keyTables)); // (B, T, K*d)
  const v = throughCache(project('v')); // (B, T, K*d)
  const mixed = mixedOf(q, k, v, layerNumber, layer, shared);
  const rows = tf.reshape(mixed, [-1, layer.nHeads * headDim]) as tf.Tensor2D; // (N, H*d)
  hooks.onInput?.(`${prefix}.o`, rows);
  return linear(rows, weights[`${prefix}.o`] as tf.Tensor2D); // (N, D)
}

function feedForward(
  h: tf.Tensor2D,
  weights: WeightTensors,
  prefix: string,
  { onInput }: ForwardHooks,
): tf.Tensor2D {
  onInput?.(`${prefix}.gate`, h);
  onInput?.(`${prefix}.up`, h);
  const gate = linear(h, weights[`${prefix}.gate`] as tf.Tensor2D); // (N, F)
  const up = linear(h, weights[`${prefix}.up`] as tf.Tensor2D); // (N, F)
  const product = swiGlu(gate, up); // (N, F)
  onInput?.(`${prefix}.down`, product);
  return linear(product, weights[`${prefix}.down`] as tf.Tensor2D); // (N, D)
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
  const keyTables = hooks.past?.tables ?? rotaryTables(positions, headDim, ropeTheta);
  const scaled = (table: tf.Tensor2D) => tf.mul(table, headDim ** -0.5) as tf.Tensor2D;
  const shared: Shared = {
    hooks,
    batch,
    headDim,
    queryTables: { cos: scaled(keyTables.cos), sin: scaled(keyTables.sin) },
    keyTables,
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
  // (N, V)
  return tieEmbeddings ? tf.matMul(h, embedding, false, true) : linear(h, weights.head as tf.Tensor2D);
}
