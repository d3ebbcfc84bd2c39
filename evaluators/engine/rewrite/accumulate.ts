// Sums that the operator before them can take in: a product adds its result to a matrix, a scatter adds rows to one.
import { type Graph, type GraphNode, sameShape } from '../graph.ts';
import { type Uses, usesOf } from './uses.ts';

type Merge = (graph: Graph, uses: Uses, producer: GraphNode, addend: number) => GraphNode | undefined;

const isMatrix = ({ values }: Graph, id: number): boolean => values[id]!.shape.length === 2;

/** `a . b + c` as one Gemm; `c` has the shape of the product. */
const productPlus: Merge = (graph, _, node, addend) => {
  const isProduct = node.op === 'Gemm' || node.op === 'MatMul';
  if (!isProduct || node.inputs.length !== 2 || !node.inputs.every((id) => isMatrix(graph, id))) return;
  return { ...node, op: 'Gemm', inputs: [...node.inputs, addend] };
};

/** Rows added into zeros, and those added to a matrix: the rows are added into the matrix. */
const scatterPlus: Merge = (_, uses, node, addend) => {
  if (node.op !== 'ScatterND' || node.attributes.reduction !== 'add') return;
  const [base, ...rest] = node.inputs;
  return uses.producer(base!)?.op === 'ConstantOfShape' ? { ...node, inputs: [addend, ...rest] } : undefined;
};

/** Replaces each Add that one of its operands' producers can take in, where nobody else reads that operand. */
function mergeAdds(graph: Graph, merge: Merge): Graph {
  const { values } = graph;
  let nodes = [...graph.nodes];
  let uses = usesOf({ nodes, outputs: graph.outputs });
  for (let at = 0; at < nodes.length; at++) {
    const add = nodes[at]!;
    if (add.op !== 'Add') continue;
    // The second operand first: in a chain of sums it is the newest product.
    for (const [taken, addend] of [[...add.inputs].reverse(), add.inputs] as [number, number][]) {
      const producer = uses.producer(taken);
      if (producer === undefined || !uses.isReadOnce(taken)) continue;
      if (!sameShape(values[addend]!.shape, values[add.outputs[0]!]!.shape)) continue;
      const merged = merge(graph, uses, producer, addend);
      if (merged === undefined) continue;
      nodes[at] = { ...merged, outputs: add.outputs };
      nodes = nodes.filter((node) => node !== producer);
      uses = usesOf({ nodes, outputs: graph.outputs });
      at -= 1;
      break;
    }
  }
  return { ...graph, nodes };
}

/** `a . b + c` becomes one Gemm that adds into `c`. */
export const addIntoProducts = (graph: Graph): Graph => mergeAdds(graph, productPlus);

/** A sum with freshly scattered rows becomes a scatter into the other operand. */
export const addIntoScatters = (graph: Graph): Graph => mergeAdds(graph, scatterPlus);
