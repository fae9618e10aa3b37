import type { KeyOrRange, KeyRange, RangeOpOptions } from "@etcdkit/core";

// Written one after another into an empty store: six keys, one of them three times, so that their orders by key, value,
// version, creation and last write are five different ones.
export const writes = [
  ["dog", "7"],
  ["apple", "3"],
  ["cat", "5"],
  ["box", "1"],
  ["cat", "6"],
  ["dog/tail", "0"],
  ["cat", "2"],
  ["dot", "9"],
] as const;
const byKey = ["apple", "box", "cat", "dog", "dog/tail", "dot"];
const byValue = ["dog/tail", "box", "cat", "apple", "dog", "dot"];
const byCreation = ["dog", "apple", "cat", "box", "dog/tail", "dot"];
const byLastWrite = ["dog", "apple", "box", "dog/tail", "cat", "dot"];
// Equal versions keep the order of their keys, whichever way.
const byVersion = ["apple", "box", "dog", "dog/tail", "dot", "cat"];
const byVersionDescending = ["cat", "apple", "box", "dog", "dog/tail", "dot"];

/** One read, and what it finds. */
export interface Row {
  readonly title: string;
  readonly keys: KeyOrRange;
  /** Given the revision of a write, counted from 1. */
  readonly options?: (write: (n: number) => bigint) => RangeOpOptions;
  readonly found: readonly string[];
  /** Default: as many as are found. */
  readonly count?: number;
  readonly more?: boolean;
}

export const all: KeyRange = { prefix: "" };

export const rows: readonly Row[] = [
  { title: "one key", keys: "apple", found: ["apple"] },
  {
    title: "one key, serializable",
    keys: "apple",
    options: () => ({ serializable: true }),
    found: ["apple"],
  },
  { title: "a key that is not there", keys: "ant", found: [] },
  { title: "[apple, cat)", keys: { from: "apple", to: "cat" }, found: ["apple", "box"] },
  { title: "a range that covers all keys", keys: { from: "a", to: "x" }, found: byKey },
  { title: "the empty prefix", keys: all, found: byKey },
  { title: "everything from the empty key on", keys: { from: "" }, found: byKey },
  { title: "a prefix", keys: { prefix: "dog" }, found: ["dog", "dog/tail"] },
  { title: "a prefix that no key has", keys: { prefix: "doe" }, found: [] },
  { title: "everything from a key on", keys: { from: "dog" }, found: ["dog", "dog/tail", "dot"] },
  {
    title: "all as of the third write",
    keys: all,
    options: (write) => ({ revision: write(3) }),
    found: ["apple", "cat", "dog"],
  },
  {
    title: "a key as of its first version",
    keys: "cat",
    options: (write) => ({ revision: write(3) }),
    found: ["cat"],
  },
  {
    title: "a key as of its second version",
    keys: "cat",
    options: (write) => ({ revision: write(5) }),
    found: ["cat"],
  },
  {
    title: "a key before it was there",
    keys: "cat",
    options: (write) => ({ revision: write(2) }),
    found: [],
  },
  {
    title: "the number of one key",
    keys: "apple",
    options: () => ({ countOnly: true }),
    found: [],
    count: 1,
  },
  { title: "the number of all", keys: all, options: () => ({ countOnly: true }), found: [], count: 6 },
  {
    title: "the first two",
    keys: all,
    options: () => ({ limit: 2 }),
    found: ["apple", "box"],
    count: 6,
    more: true,
  },
  { title: "at most as many as there are", keys: all, options: () => ({ limit: 6 }), found: byKey },
  { title: "at most more than there are", keys: all, options: () => ({ limit: 7 }), found: byKey },
  { title: "all by key, ascending", keys: all, options: () => ({ sort: { by: "key" } }), found: byKey },
  {
    title: "all by key, descending",
    keys: all,
    options: () => ({ sort: { by: "key", order: "descending" } }),
    found: byKey.toReversed(),
  },
  {
    title: "all by value, ascending",
    keys: all,
    options: () => ({ sort: { by: "value", order: "ascending" } }),
    found: byValue,
  },
  {
    title: "all by value, descending",
    keys: all,
    options: () => ({ sort: { by: "value", order: "descending" } }),
    found: byValue.toReversed(),
  },
  {
    title: "all by version, ascending",
    keys: all,
    options: () => ({ sort: { by: "version" } }),
    found: byVersion,
  },
  {
    title: "all by version, descending",
    keys: all,
    options: () => ({ sort: { by: "version", order: "descending" } }),
    found: byVersionDescending,
  },
  {
    title: "all by creation, ascending",
    keys: all,
    options: () => ({ sort: { by: "created" } }),
    found: byCreation,
  },
  {
    title: "all by creation, descending",
    keys: all,
    options: () => ({ sort: { by: "created", order: "descending" } }),
    found: byCreation.toReversed(),
  },
  {
    title: "all by last write, ascending",
    keys: all,
    options: () => ({ sort: { by: "modified" } }),
    found: byLastWrite,
  },
  {
    title: "all by last write, descending",
    keys: all,
    options: () => ({ sort: { by: "modified", order: "descending" } }),
    found: byLastWrite.toReversed(),
  },
  {
    title: "the two of the least values",
    keys: all,
    options: () => ({ sort: { by: "value" }, limit: 2 }),
    found: ["dog/tail", "box"],
    count: 6,
    more: true,
  },
  {
    title: "the first key",
    keys: { prefix: "d" },
    options: () => ({ first: "key" }),
    found: ["dog"],
    count: 3,
    more: true,
  },
  {
    title: "the last key",
    keys: { prefix: "d" },
    options: () => ({ last: "key" }),
    found: ["dot"],
    count: 3,
    more: true,
  },
  {
    title: "the key created first",
    keys: all,
    options: () => ({ first: "created" }),
    found: ["dog"],
    count: 6,
    more: true,
  },
  {
    title: "the key created last",
    keys: { from: "a", to: "do" },
    options: () => ({ last: "created" }),
    found: ["box"],
    count: 3,
    more: true,
  },
  {
    title: "the key written first",
    keys: all,
    options: () => ({ first: "modified" }),
    found: ["dog"],
    count: 6,
    more: true,
  },
  {
    title: "the key written last",
    keys: { from: "a", to: "do" },
    options: () => ({ last: "modified" }),
    found: ["cat"],
    count: 3,
    more: true,
  },
  {
    title: "what was last written at a revision or later, by last write",
    keys: all,
    options: (write) => ({ minModRevision: write(4), sort: { by: "modified" } }),
    found: ["box", "dog/tail", "cat", "dot"],
    count: 6,
  },
  {
    title: "what was last written at a revision or earlier, by key descending",
    keys: all,
    options: (write) => ({ maxModRevision: write(5), sort: { by: "key", order: "descending" } }),
    found: ["dog", "box", "apple"],
    count: 6,
  },
  {
    title: "what was last written between two revisions",
    keys: all,
    options: (write) => ({ minModRevision: write(2), maxModRevision: write(7) }),
    found: ["apple", "box", "cat", "dog/tail"],
    count: 6,
  },
  {
    title: "what was last written at a revision still to come or earlier",
    keys: all,
    options: (write) => ({ maxModRevision: write(8) + 100n }),
    found: byKey,
  },
  {
    title: "what was created at a revision or later, by version descending",
    keys: all,
    options: (write) => ({ minCreateRevision: write(3), sort: { by: "version", order: "descending" } }),
    found: ["cat", "box", "dog/tail", "dot"],
    count: 6,
  },
  {
    title: "what was created at a revision or earlier, by value descending",
    keys: all,
    options: (write) => ({ maxCreateRevision: write(4), sort: { by: "value", order: "descending" } }),
    found: ["dog", "apple", "cat", "box"],
    count: 6,
  },
  {
    title: "what was created between two revisions",
    keys: all,
    options: (write) => ({ minCreateRevision: write(2), maxCreateRevision: write(3) }),
    found: ["apple", "cat"],
    count: 6,
  },
];
