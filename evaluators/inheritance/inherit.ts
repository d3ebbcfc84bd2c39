// First weights of a child from the trained weights of a parent (net2net, Chen et al. 2016, and what followed it): one
// move an axis. What grows keeps the function that the parent has learnt; what shrinks keeps what matters most.
import type { Architecture } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import type { Weights } from '../model/parameters.ts';
import { alignLayers } from './align.ts';
import { withDepth } from './depth.ts';
import { withFeedForward } from './feed-forward.ts';
import { withHeadDim } from './head-dim.ts';
import { withHeads } from './heads.ts';
import { withWidth } from './width.ts';

/** The model with its embedding used as the head too, or with a head of its own. Untying preserves the function. */
function withTie({ architecture, weights }: LanguageModel, tieEmbeddings: boolean): LanguageModel {
  if (architecture.tieEmbeddings === tieEmbeddings) return { architecture, weights };
  const { head: _, ...others } = weights;
  const next = { ...architecture, tieEmbeddings };
  if (tieEmbeddings) return { architecture: next, weights: others };
  const { dModel, vocabSize } = architecture;
  const embedding = weights.embedding!; // (V, D)
  const head = new Float32Array(embedding.length); // (D, V)
  for (let at = 0; at < head.length; at++)
    head[at] = embedding[(at % vocabSize) * dModel + Math.floor(at / vocabSize)]!;
  return { architecture: next, weights: { ...weights, head } };
}

/**
 * Weights for `child` that do as nearly as they can what `parent` does. `rng` draws what is new.
 * @throws RangeError where the two read different tokens or positions.
 */
export function inheritWeights(parent: LanguageModel, child: Architecture, rng: Rng): Weights {
  const { vocabSize, contextLength, ropeTheta } = parent.architecture;
  if (
    vocabSize !== child.vocabSize ||
    contextLength !== child.contextLength ||
    ropeTheta !== child.ropeTheta
  ) {
    throw new RangeError('a child inherits from models of the same vocabulary, context and positions');
  }
  let model = withTie(parent, child.tieEmbeddings);
  model = withDepth(model, alignLayers(parent.architecture, child), child.layers, rng);
  for (const [at, { nHeads, nKvHeads, dFf }] of child.layers.entries()) {
    model = withHeads(model, at, { nHeads, nKvHeads }, rng);
    model = withFeedForward(model, at, dFf, rng);
  }
  model = withHeadDim(model, child.headDim, rng);
  return withWidth(model, child.dModel, rng).weights;
}
