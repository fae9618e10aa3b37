import { concatBytes, isEtcdError, type Kv, type Op } from "@etcdkit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryKey, arbitraryOp, arbitraryPrefix } from "../test/arbitrary-op.js";
import { createAskedStore } from "../test/asked-store.js";
import { beginsWith, comparable, isContained, rangesOf } from "../test/containment.js";
import { namespaceKv } from "./namespace-kv.js";

const seed = 20_261_120;
const runs = 2_000;

describe("whatever is asked of a namespace", () => {
  it("means keys with the prefix, changes no other, and is answered as by a store that has only these", async () => {
    const seen = { ops: 0, refused: 0, ranges: 0, keys: 0, foreign: 0, nested: 0 };
    let outside = 0;
    const cases = fc.record({
      prefixes: fc.array(arbitraryPrefix, { minLength: 1, maxLength: 2 }),
      foreign: fc.array(arbitraryKey, { maxLength: 12 }),
      ops: fc.array(arbitraryOp(15n), { minLength: 1, maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ prefixes, foreign, ops }) => {
        const prefix = concatBytes(...prefixes);
        const crowded = createAskedStore();
        const others = [prefix, neighbour(prefix), ...foreign].filter((key) => !beginsWith(key, prefix));
        for (const key of others) await crowded.kv.put(key, "foreign");
        const untouched = crowded.pairs;
        const empty = createAskedStore(1n + BigInt(others.length));
        const namespaced = prefixes.reduce<Kv>((kv, one) => namespaceKv(kv, one), crowded.kv);
        crowded.asked.length = 0;

        for (const op of ops) {
          const before = structuredClone(op);
          const outcome = await outcomeOf(namespaced, op);
          expect(outcome).toEqual(await outcomeOf(empty.kv, op));
          if (typeof outcome === "string") seen.refused += 1;
          expect(op).toEqual(before);
        }

        const ranges = crowded.asked.flatMap(rangesOf);
        outside += ranges.filter((range) => !isContained(range, prefix)).length;
        expect(outside).toBe(0);
        const inside = crowded.pairs.filter(({ key }) => beginsWith(key, prefix));
        expect(crowded.pairs.filter((pair) => !inside.includes(pair))).toEqual(untouched);
        expect(inside.map(({ key }) => key.slice(prefix.length))).toEqual(empty.pairs.map(({ key }) => key));
        seen.ops += ops.length;
        seen.ranges += ranges.length;
        seen.keys += inside.length;
        seen.foreign += untouched.length;
        seen.nested += prefixes.length - 1;
      }),
      { seed, numRuns: runs },
    );
    console.log("namespace over a store in memory:", { runs, ...seen, outside });
    // The property says nothing where nothing is asked, found or in the way.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(runs / 5);
  }, 60_000);

  it("is told from what means other keys: the check of containment can fail", () => {
    const prefix = Uint8Array.of(0x61, 0xff);
    // The end that keeps its length (61 ff -> 62 00) lets the key 62 in.
    const wrong: readonly (readonly [key: number[], rangeEnd?: number[]])[] = [
      [
        [0x61, 0xff, 0x01],
        [0x62, 0x00],
      ],
      [[0x61, 0xff, 0x01], [0x00]],
      [[0x61, 0xff, 0x01], [0x63]],
      [[0x61, 0xff]],
      [[0x61]],
      [[0x61], [0x62]],
    ];
    for (const [key, end] of wrong) {
      const range = { key: Uint8Array.from(key), rangeEnd: end && Uint8Array.from(end) };
      expect(isContained(range, prefix)).toBe(false);
    }
  });
});

/** The answer to an op, or why it is refused. */
async function outcomeOf(kv: Kv, op: Op): Promise<unknown> {
  try {
    return comparable(await kv.execute(op));
  } catch (error) {
    if (isEtcdError(error)) return error.code;
    throw error;
  }
}

/** The least key above all keys with the prefix, or any other key where there is none. */
function neighbour(prefix: Uint8Array): Uint8Array {
  const end = [...prefix];
  while (end.at(-1) === 0xff) end.pop();
  const last = end.pop();
  return last === undefined ? Uint8Array.of(0x01) : Uint8Array.of(...end, last + 1);
}
