// Clean-up: common subexpressions computed once, nodes nobody reads dropped.
import type { Graph, GraphNode } from '../graph.ts';

function signature(node: GraphNode, inputs: readonly number[]): string {
  return `${node.domain}/${node.op}/${inputs.join(',')}/${JSON.stringify(node.attributes)}`;
}

/** Nodes with the same operator, inputs and attributes become one (every operator here is deterministic). */
export function shareCommonSubexpressions(graph: Graph): Graph {
  const replacement = new Map<number, number>();
  const seen = new Map<string, GraphNode>();
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => replacement.get(id) ?? id);
    const key = signature(node, inputs);
    const twin = seen.get(key);
    if (twin === undefined) {
      const kept = { ...node, inputs };
      seen.set(key, kept);
      nodes.push(kept);
    } else {
      node.outputs.forEach((id, i) => {
        replacement.set(id, twin.outputs[i]!);
      });
    }
  }
  const outputs = new Map([...graph.outputs].map(([name, id]) => [name, replacement.get(id) ?? id] as const));
  return { ...graph, nodes, outputs };
}

/** Drops nodes and constants that no output depends on. Inputs stay, read or not. */
export function dropDeadNodes(graph: Graph): Graph {
  const needed = new Set<number>(graph.outputs.values());
  const nodes: GraphNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    for (const id of node.inputs) needed.add(id);
    nodes.push(node);
  }
  const values = graph.values.map((value, id) =>
    value.data !== undefined && !needed.has(id) ? { shape: value.shape, dtype: value.dtype } : value,
  );
  return { ...graph, values, nodes: nodes.reverse() };
}
