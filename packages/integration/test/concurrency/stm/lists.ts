import { cyclicComponents, type Graph, leadsTo } from "./cycles.js";

/** A transaction that read lists and appended to them, as whoever ran it saw it. */
export interface ListTransaction {
  /** When it was begun and when it was answered, as numbers of one order; `Infinity`: never. */
  readonly begin: number;
  readonly end: number;
  readonly outcome: "committed" | "unknown" | "aborted";
  /** The lists as they were before the transaction appended to them. */
  readonly reads: ReadonlyMap<string, readonly number[]>;
  /** What was appended, each element once in the whole history. */
  readonly appends: ReadonlyMap<string, readonly number[]>;
}

/**
 * What contradicts that transactions ran one after the other, each between its begin and its end.
 *
 * Names after Adya and Elle: `G0` is a cycle of writes, `G1a` a read of what was aborted, `G1b` a read of what was
 * overwritten in the same transaction, `G1c` a cycle of writes and reads, `G-single` one with one read of an older state and
 * `G2` one with several. With `-realtime` the cycle takes that one had ended before another began.
 */
export type AnomalyName =
  | "lost append"
  | "double append"
  | "disagreeing reads"
  | "G1a"
  | "G1b"
  | CycleName
  | `${CycleName}-realtime`;
type CycleName = "G0" | "G1c" | "G-single" | "G2";

type EdgeKind = "ww" | "wr" | "rw" | "rt";
interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
}

/** How often each anomaly was found; what was not found is missing. */
export type Findings = ReadonlyMap<AnomalyName, number>;

/**
 * Judges a history of lists.
 *
 * @param finals - The lists when all was over.
 */
export function judgeLists(
  history: readonly ListTransaction[],
  finals: ReadonlyMap<string, readonly number[]>,
): Findings {
  const findings = new Map<AnomalyName, number>();
  const found = (name: AnomalyName): void => {
    findings.set(name, (findings.get(name) ?? 0) + 1);
  };
  const present = new Set([...finals.values()].flat());
  const applied = history.filter(({ outcome, appends }) => {
    // Elements are unique, so the lists tell what became of a transaction whose answer was lost.
    if (outcome === "unknown") return [...appends.values()].flat().some((element) => present.has(element));
    return outcome === "committed";
  });
  const writers = writersOf(applied);
  const aborted = writersOf(history.filter(({ outcome }) => outcome === "aborted"));

  for (const list of finals.values()) {
    if (new Set(list).size < list.length) found("double append");
    for (const element of list) if (aborted.has(element)) found("G1a");
  }
  for (const element of writers.keys()) if (!present.has(element)) found("lost append");
  for (const [node, { reads }] of applied.entries()) {
    for (const [key, list] of reads) {
      const final = finals.get(key) ?? [];
      if (list.some((element) => aborted.has(element))) found("G1a");
      else if (list.some((element, i) => final[i] !== element)) found("disagreeing reads");
      const last = list.at(-1);
      const writer = last === undefined ? undefined : writers.get(last);
      if (writer !== undefined && writer !== node && applied[writer]?.appends.get(key)?.at(-1) !== last) {
        found("G1b");
      }
    }
  }

  const edges = [...dependencies(applied, finals, writers), ...succession(applied)];
  for (const name of cycles(applied.length, edges)) found(name);
  return findings;
}

/** The transaction that appended each element. */
function writersOf(transactions: readonly ListTransaction[]): ReadonlyMap<number, number> {
  const writers = new Map<number, number>();
  for (const [node, { appends }] of transactions.entries()) {
    for (const element of [...appends.values()].flat()) writers.set(element, node);
  }
  return writers;
}

/** Who must come before whom, by what they wrote and read. */
function* dependencies(
  applied: readonly ListTransaction[],
  finals: ReadonlyMap<string, readonly number[]>,
  writers: ReadonlyMap<number, number>,
): Generator<Edge> {
  const edge = function* (from: number | undefined, to: number | undefined, kind: EdgeKind): Generator<Edge> {
    if (from !== undefined && to !== undefined && from !== to) yield { from, to, kind };
  };
  const writerOf = (element: number | undefined): number | undefined =>
    element === undefined ? undefined : writers.get(element);
  for (const list of finals.values()) {
    for (const [i, element] of list.entries()) yield* edge(writerOf(element), writerOf(list[i + 1]), "ww");
  }
  for (const [node, { reads }] of applied.entries()) {
    for (const [key, list] of reads) {
      yield* edge(writerOf(list.at(-1)), node, "wr");
      yield* edge(node, writerOf(finals.get(key)?.[list.length]), "rw");
    }
  }
}

/** Who had ended before whom began: edges from the last ones to end, since the others follow from theirs. */
function* succession(applied: readonly ListTransaction[]): Generator<Edge> {
  const moments = applied
    .flatMap(({ begin, end }, node) => [
      { at: begin, node, isEnd: false },
      { at: end, node, isEnd: true },
    ])
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at);
  const before = new Map<number, readonly number[]>();
  let last: readonly number[] = [];
  for (const { node, isEnd } of moments) {
    if (isEnd) {
      const covered = before.get(node) ?? [];
      last = [...last.filter((one) => !covered.includes(one)), node];
    } else {
      before.set(node, last);
      for (const from of last) yield { from, to: node, kind: "rt" };
    }
  }
}

/** A name for each knot of cycles: that of the worst cycle in it. */
function* cycles(size: number, edges: readonly Edge[]): Generator<CycleName | `${CycleName}-realtime`> {
  const graphOf = (among: ReadonlySet<number> | undefined, ...kinds: readonly EdgeKind[]): Graph => {
    const graph = Array.from({ length: size }, (): number[] => []);
    for (const { from, to, kind } of edges) {
      if (kinds.includes(kind) && (among === undefined || (among.has(from) && among.has(to))))
        graph[from]?.push(to);
    }
    return graph;
  };
  const nameOf = (knot: ReadonlySet<number>, ...free: readonly EdgeKind[]): CycleName => {
    if (cyclicComponents(graphOf(knot, "ww", ...free)).length > 0) return "G0";
    const forward = graphOf(knot, "ww", "wr", ...free);
    if (cyclicComponents(forward).length > 0) return "G1c";
    const backward = edges.filter(({ from, to, kind }) => kind === "rw" && knot.has(from) && knot.has(to));
    return backward.some(({ from, to }) => leadsTo(forward, to, from)) ? "G-single" : "G2";
  };
  const named = new Set<number>();
  for (const component of cyclicComponents(graphOf(undefined, "ww", "wr", "rw"))) {
    for (const node of component) named.add(node);
    yield nameOf(new Set(component));
  }
  for (const component of cyclicComponents(graphOf(undefined, "ww", "wr", "rw", "rt"))) {
    if (component.some((node) => named.has(node))) continue;
    yield `${nameOf(new Set(component), "rt")}-realtime`;
  }
}
