// What rewrites ask about a graph.
import type { Graph, GraphNode } from '../graph.ts';

export interface Uses {
  /** The node that computes a value; `undefined` for inputs and constants. */
  readonly producer: (id: number) => GraphNode | undefined;
  /** Whether one node alone reads the value, once, and it is no output of the graph. */
  readonly isReadOnce: (id: number) => boolean;
}

export function usesOf({ nodes, outputs }: Pick<Graph, 'nodes' | 'outputs'>): Uses {
  const producers = new Map<number, GraphNode>();
  const reads = new Map<number, number>();
  const count = (id: number) => reads.set(id, (reads.get(id) ?? 0) + 1);
  for (const node of nodes) {
    for (const id of node.outputs) producers.set(id, node);
    node.inputs.forEach(count);
  }
  // An output counts as two reads: it must be there under its own name.
  for (const id of outputs.values()) reads.set(id, (reads.get(id) ?? 0) + 2);
  return { producer: (id) => producers.get(id), isReadOnce: (id) => reads.get(id) === 1 };
}
