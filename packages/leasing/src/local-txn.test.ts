import { compare, type KeyValue, op, utf8 } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { innerHeader } from "./answer.js";
import type { Entry } from "./entries.js";
import { answerTxn, type Look } from "./local-txn.js";

function entry(name: string, value?: string): Entry {
  const key = toBytes(name, "key");
  const pair: KeyValue = {
    ...{ $typeName: "mvccpb.KeyValue" as const, key, value: toBytes(value ?? "", "value") },
    ...{ createRevision: 3n, modRevision: 5n, version: 2n, lease: 0n },
  };
  return { name, key, token: 4n, revision: 5n, read: false, pair: value === undefined ? undefined : pair };
}

const entries = new Map([entry("a", "1"), entry("b", "2"), entry("gone")].map((one) => [one.name, one]));
const look: Look = (key) => entries.get(utf8(key));
const answer = (parts: Parameters<typeof op.txn>[0]) => answerTxn(op.txn(parts), look, innerHeader(9n));

describe("a transaction is answered from memory", () => {
  it("when all that it compares and then reads is there", () => {
    expect(
      answer({
        compare: [compare.value("a").equals("1"), compare.missing("gone")],
        success: [op.range("b"), op.range("gone"), op.txn({ success: [op.range("a")] })],
        failure: [op.put("b", "x")],
      }),
    ).toMatchObject({
      header: { revision: 9n },
      succeeded: true,
      responses: [
        { kvs: [{ version: 2n }] },
        { kvs: [], count: 0 },
        { succeeded: true, responses: [{ count: 1 }] },
      ],
    });
  });

  it("with compares inside that see the keys as they were before", () => {
    const inside = op.txn({ compare: [compare.version("b").greaterThan(9n)], failure: [op.range("a")] });
    expect(answer({ success: [inside] })?.responses).toMatchObject([
      { succeeded: false, responses: [{ count: 1 }] },
    ]);
  });
});

describe("a transaction is for the server", () => {
  it.each([
    ["compares what is not there", { compare: [compare.version("z").equals(0n)] }],
    ["compares a range", { compare: [compare.version({ prefix: "a" }).equals(2n)] }],
    ["reads what is not there", { success: [op.range("z")] }],
    ["reads a range", { success: [op.range({ prefix: "a" })] }],
    ["reads the past", { success: [op.range("a", { revision: 2n })] }],
    ["writes", { success: [op.range("a"), op.put("a", "x")] }],
    ["deletes", { success: [op.delete("a")] }],
    ["writes inside", { success: [op.txn({ success: [op.put("a", "x")] })] }],
    [
      "does, of two lists, the one that writes",
      { compare: [compare.exists("gone")], failure: [op.put("a", "x")] },
    ],
  ])("when it %s", (_, parts) => {
    expect(answer(parts)).toBeUndefined();
  });
});

// C-19
describe("a compare in memory holds", () => {
  it.each([
    ["a missing key has 0 for every number", compare.createRevision("gone").equals(0n), true],
    ["and none other", compare.createRevision("gone").notEquals(0n), false],
    ["no value equals that of a missing key", compare.value("gone").equals(""), false],
    ["nor differs from it", compare.value("gone").notEquals("x"), false],
    ["nor is greater", compare.value("gone").greaterThan(""), false],
    ["the lease counts", compare.lease("a").equals(0n), true],
    ["as much as all else", compare.lease("a").equals(7n), false],
    ["greater means greater", compare.modRevision("a").greaterThan(5n), false],
    ["less means less", compare.modRevision("a").lessThan(6n), true],
    ["values are in the order of bytes", compare.value("a").lessThan("10"), true],
  ])("by the server's rules: %s", (_, one, expected) => {
    expect(answer({ compare: [one] })?.succeeded).toBe(expected);
  });
});
