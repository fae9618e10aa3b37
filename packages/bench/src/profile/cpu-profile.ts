/** A profile as V8 writes it (`--cpu-prof`), as far as it is read here. Times are microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  /** The node that ran at each moment. */
  readonly samples: readonly number[];
  /** From the moment before; the first from the start. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[] | undefined;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** A function and those that it called, with the time that was found in them. */
export interface CallTree {
  readonly name: string;
  /** Where the function is written: a file and line, or empty for what is not JavaScript. */
  readonly place: string;
  /** Itself and all below it. */
  readonly totalUs: number;
  readonly selfUs: number;
  /** The longest first. */
  readonly children: readonly CallTree[];
}

interface Growing {
  readonly name: string;
  readonly place: string;
  selfUs: number;
  readonly children: Map<string, Growing>;
}

/**
 * Adds up what a profile found between two moments, without the time in which there was nothing to do.
 *
 * @throws Error when it found nothing then.
 */
export function callTree(
  profile: CpuProfile,
  window: { readonly from: number; readonly until: number },
): CallTree {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const selfUs = new Map<number, number>();
  let time = profile.startTime;
  for (const [at, id] of profile.samples.entries()) {
    time += profile.timeDeltas[at] ?? 0;
    if (time < window.from || time > window.until) continue;
    // What was seen is taken to have lasted until one looked again.
    selfUs.set(id, (selfUs.get(id) ?? 0) + (profile.timeDeltas[at + 1] ?? 0));
  }
  const root: Growing = { name: "all", place: "", selfUs: 0, children: new Map() };
  const called = new Set(profile.nodes.flatMap(({ children = [] }) => children));
  for (const node of profile.nodes) {
    if (called.has(node.id)) continue;
    for (const child of node.children ?? []) grow(root, child, byId, selfUs);
  }
  const tree = finish(root);
  if (tree.totalUs === 0) throw new Error("the profile has nothing of the measured time");
  return tree;
}

/** Functions by the time in themselves, wherever they were called from; the longest first. */
export function hottest(tree: CallTree): readonly { name: string; place: string; selfUs: number }[] {
  const found = new Map<string, { name: string; place: string; selfUs: number }>();
  const visit = ({ name, place, selfUs, children }: CallTree): void => {
    const key = `${name}\0${place}`;
    const entry = found.get(key) ?? { name, place, selfUs: 0 };
    entry.selfUs += selfUs;
    found.set(key, entry);
    for (const child of children) visit(child);
  };
  visit(tree);
  return [...found.values()].filter(({ selfUs }) => selfUs > 0).sort((a, b) => b.selfUs - a.selfUs);
}

function grow(
  parent: Growing,
  id: number,
  byId: ReadonlyMap<number, ProfileNode>,
  selfUs: ReadonlyMap<number, number>,
): void {
  const node = byId.get(id);
  if (node === undefined || node.callFrame.functionName === "(idle)") return;
  const name = node.callFrame.functionName || "(anonymous)";
  const place = placeOf(node.callFrame);
  const key = `${name}\0${place}`;
  const own = parent.children.get(key) ?? { name, place, selfUs: 0, children: new Map() };
  parent.children.set(key, own);
  own.selfUs += selfUs.get(id) ?? 0;
  for (const child of node.children ?? []) grow(own, child, byId, selfUs);
}

function finish({ name, place, selfUs, children }: Growing): CallTree {
  const finished = [...children.values()]
    .map(finish)
    .filter(({ totalUs }) => totalUs > 0)
    .sort((a, b) => b.totalUs - a.totalUs);
  const totalUs = finished.reduce((sum, child) => sum + child.totalUs, selfUs);
  return { name, place, totalUs, selfUs, children: finished };
}

/** The package and what is below it; a package's file says more than the folder that the checkout lies in. */
function placeOf({ url, lineNumber }: CallFrame): string {
  if (url === "") return "";
  const file = /.*\/(?:packages|node_modules)\/((?:@[^/]+\/)?[^/]+\/.*)$/.exec(url)?.[1] ?? url;
  return `${file}:${lineNumber + 1}`;
}
