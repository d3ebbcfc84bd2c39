// Reshapes move no data, but each is a node to run.
import { type Graph, type GraphNode, sameShape } from '../graph.ts';
import { usesOf } from './uses.ts';

/** A reshape of a reshape reads the original; one that changes nothing is left out. */
export function foldReshapes(graph: Graph): Graph {
  const { producer } = usesOf(graph);
  const replacement = new Map<number, number>();
  const source = (id: number): number => {
    const node = producer(id);
    return node?.op === 'Reshape' ? source(node.inputs[0]!) : (replacement.get(id) ?? id);
  };
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => replacement.get(id) ?? id);
    if (node.op !== 'Reshape') {
      nodes.push({ ...node, inputs });
      continue;
    }
    const [output] = node.outputs as [number];
    const from = source(inputs[0]!);
    const isNothing = sameShape(graph.values[from]!.shape, graph.values[output]!.shape);
    if (isNothing) replacement.set(output, from);
    else nodes.push({ ...node, inputs: [from, inputs[1]!] });
  }
  const outputs = new Map([...graph.outputs].map(([name, id]) => [name, replacement.get(id) ?? id] as const));
  return { ...graph, nodes, outputs };
}
