// Graph rewrites: each keeps every output's value. ONNX Runtime runs the result as it stands, its own rewriting off.
import type { Graph } from '../graph.ts';
import { addIntoProducts, addIntoScatters } from './accumulate.ts';
import { dropDeadNodes, shareCommonSubexpressions } from './eliminate.ts';
import { foldReshapes } from './reshapes.ts';

const REWRITES = [
  shareCommonSubexpressions,
  dropDeadNodes,
  foldReshapes,
  shareCommonSubexpressions,
  addIntoScatters,
  addIntoProducts,
  dropDeadNodes,
];

/** All rewrites, in the order that pays. */
export const rewrite = (graph: Graph): Graph => REWRITES.reduce((current, step) => step(current), graph);
