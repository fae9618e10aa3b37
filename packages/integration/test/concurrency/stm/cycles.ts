/** A graph: of each node, the nodes that its edges lead to. */
export type Graph = readonly (readonly number[])[];

/**
 * The strongly connected components of a graph that have cycles: more than one node, or one with an edge to itself. Tarjan's
 * algorithm, without recursion, since histories are longer than stacks are deep.
 */
export function cyclicComponents(graph: Graph): readonly (readonly number[])[] {
  const found: number[][] = [];
  const order: (number | undefined)[] = [];
  const lowest: number[] = [];
  const isOpen: boolean[] = [];
  const open: number[] = [];
  let count = 0;

  const enter = (node: number): { node: number; next: number } => {
    order[node] = count;
    lowest[node] = count;
    count += 1;
    open.push(node);
    isOpen[node] = true;
    return { node, next: 0 };
  };
  const lower = (node: number, to: number | undefined): void => {
    lowest[node] = Math.min(lowest[node] ?? 0, to ?? 0);
  };
  const close = (root: number): void => {
    const component = open.splice(open.lastIndexOf(root));
    for (const node of component) isOpen[node] = false;
    if (component.length > 1 || graph[root]?.includes(root)) found.push(component);
  };

  for (let start = 0; start < graph.length; start++) {
    if (order[start] !== undefined) continue;
    const path = [enter(start)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = graph[top.node]?.[top.next++];
      if (to === undefined) {
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) lower(parent.node, lowest[top.node]);
        if (lowest[top.node] === order[top.node]) close(top.node);
      } else if (order[to] === undefined) path.push(enter(to));
      else if (isOpen[to]) lower(top.node, order[to]);
    }
  }
  return found;
}

/** Whether edges lead from one node to another. */
export function leadsTo(graph: Graph, from: number, to: number): boolean {
  const seen = new Set([from]);
  for (const node of seen) {
    if (node === to) return true;
    for (const next of graph[node] ?? []) seen.add(next);
  }
  return false;
}
