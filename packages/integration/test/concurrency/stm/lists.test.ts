import { describe, expect, it } from "vitest";
import { cyclicComponents } from "./cycles.js";
import { type AnomalyName, judgeLists, type ListTransaction } from "./lists.js";

type Lists = Readonly<Record<string, readonly number[]>>;

/** A transaction from one moment to another; by default all run at the same time. */
function transaction(
  reads: Lists,
  appends: Lists,
  { outcome = "committed", begin = 0, end = 100 }: Partial<ListTransaction> = {},
): ListTransaction {
  return {
    begin,
    end,
    outcome,
    reads: new Map(Object.entries(reads)),
    appends: new Map(Object.entries(appends)),
  };
}

function judge(
  finals: Lists,
  ...history: readonly ListTransaction[]
): Readonly<Partial<Record<AnomalyName, number>>> {
  return Object.fromEntries(judgeLists(history, new Map(Object.entries(finals))));
}

describe("the judge of lists", () => {
  it("finds nothing in a history that is in order", () => {
    expect(
      judge(
        { x: [1, 2, 3], y: [4] },
        transaction({ x: [] }, { x: [1] }, { begin: 0, end: 3 }),
        transaction({ x: [1] }, { x: [2], y: [4] }, { begin: 1, end: 4 }),
        transaction({ x: [1, 2], y: [4] }, { x: [3] }, { begin: 5, end: 6 }),
        transaction({ x: [1, 2, 3], y: [4] }, {}, { begin: 7, end: 8 }),
      ),
    ).toEqual({});
  });

  it("lets those that run at the same time come in any order", () => {
    expect(
      judge({ x: [1] }, transaction({}, { x: [1] }), transaction({ x: [] }, {}), transaction({ x: [1] }, {})),
    ).toEqual({});
  });

  it("takes a transaction of unknown outcome for committed when its elements are there, else for none", () => {
    expect(
      judge(
        { x: [1] },
        transaction({ x: [] }, { x: [1] }, { outcome: "unknown", end: Number.POSITIVE_INFINITY }),
        transaction({ x: [] }, { x: [2] }, { outcome: "unknown", end: Number.POSITIVE_INFINITY }),
        transaction({ x: [1] }, {}),
      ),
    ).toEqual({});
  });

  it("finds an append that was acknowledged and is not there", () => {
    expect(judge({ x: [1] }, transaction({}, { x: [1] }), transaction({}, { x: [2] }))).toEqual({
      "lost append": 1,
    });
    expect(judge({}, transaction({ x: [] }, { x: [1] }))).toEqual({ "lost append": 1 });
  });

  it("finds an append that was done twice", () => {
    expect(judge({ x: [1, 1] }, transaction({}, { x: [1] }))).toMatchObject({ "double append": 1 });
  });

  it("finds a list that is no beginning of what it became", () => {
    const [first, second] = [transaction({}, { x: [1] }), transaction({}, { x: [2] })];
    expect(judge({ x: [1, 2] }, first, second, transaction({ x: [2] }, {}))).toMatchObject({
      "disagreeing reads": 1,
    });
  });

  it("finds reads of what was aborted: G1a", () => {
    const aborted = transaction({}, { x: [1] }, { outcome: "aborted" });
    expect(judge({ x: [] }, aborted, transaction({ x: [1] }, {}))).toEqual({ G1a: 1 });
    expect(judge({ x: [1] }, aborted)).toEqual({ G1a: 1 });
  });

  it("finds reads between two appends of one transaction: G1b", () => {
    expect(judge({ x: [1, 2] }, transaction({}, { x: [1, 2] }), transaction({ x: [1] }, {}))).toMatchObject({
      G1b: 1,
    });
  });

  it("finds writes that cannot be put in order: G0", () => {
    expect(
      judge(
        { x: [1, 2], y: [3, 4] },
        transaction({}, { x: [1], y: [4] }),
        transaction({}, { x: [2], y: [3] }),
      ),
    ).toEqual({ G0: 1 });
  });

  it("finds two that have seen each other: G1c", () => {
    expect(
      judge({ x: [1], y: [2] }, transaction({ y: [2] }, { x: [1] }), transaction({ x: [1] }, { y: [2] })),
    ).toEqual({ G1c: 1 });
  });

  it("finds one that saw half of another: G-single", () => {
    expect(
      judge({ x: [1], y: [2] }, transaction({}, { x: [1], y: [2] }), transaction({ x: [1], y: [] }, {})),
    ).toEqual({ "G-single": 1 });
  });

  it("finds two that have not seen each other: G2", () => {
    expect(
      judge({ x: [1], y: [2] }, transaction({ y: [] }, { x: [1] }), transaction({ x: [] }, { y: [2] })),
    ).toEqual({ G2: 1 });
  });

  it("finds a read of the past, which is in order but for the time", () => {
    const write = transaction({ x: [] }, { x: [1] }, { begin: 0, end: 1 });
    expect(judge({ x: [1] }, write, transaction({ x: [] }, {}, { begin: 2, end: 3 }))).toEqual({
      "G-single-realtime": 1,
    });
    expect(judge({ x: [1] }, write, transaction({ x: [] }, {}, { begin: 0.5, end: 3 }))).toEqual({});
  });

  it("finds a read of the past also when others have ended in between", () => {
    const between = [1, 2, 3, 4, 5].map((n) => transaction({ y: [] }, {}, { begin: 2 * n, end: 2 * n + 1 }));
    const write = transaction({ x: [] }, { x: [1] }, { begin: 0, end: 1 });
    expect(
      judge({ x: [1], y: [] }, write, ...between, transaction({ x: [] }, {}, { begin: 20, end: 21 })),
    ).toEqual({
      "G-single-realtime": 1,
    });
  });

  it("finds writes in another order than that of time", () => {
    expect(
      judge(
        { x: [2, 1] },
        transaction({}, { x: [1] }, { begin: 0, end: 1 }),
        transaction({}, { x: [2] }, { begin: 2, end: 3 }),
      ),
    ).toEqual({ "G0-realtime": 1 });
  });
});

describe("the search for cycles", () => {
  it("finds each knot of cycles once", () => {
    const components = cyclicComponents([[1], [2], [0, 3], [4], [3], [5], []]);
    expect(components.map((component) => [...component].sort())).toEqual([[3, 4], [0, 1, 2], [5]]);
  });

  it("takes histories of any length", () => {
    const length = 100_000;
    const ring = Array.from({ length }, (_, i) => [(i + 1) % length]);
    expect(cyclicComponents(ring)).toHaveLength(1);
    expect(cyclicComponents(ring.slice(0, -1))).toEqual([]);
  });
});
