import { create } from "@bufbuild/protobuf";
import type { Event, WatchBatch } from "@etcdkit/core";
import { EventSchema, ResponseHeaderSchema } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { compareWithJournal, none } from "./journal.js";

const header = create(ResponseHeaderSchema);

function put(key: string, revision: number): Event {
  return create(EventSchema, { kv: { key: Buffer.from(key), modRevision: BigInt(revision) } });
}

function batch(...events: Event[]): WatchBatch {
  return { kind: "events", header, revision: events.at(-1)?.kv?.modRevision ?? 0n, events };
}

const [a1, a2, b2, a3, a4] = [put("a", 1), put("a", 2), put("b", 2), put("a", 3), put("a", 4)] as const;
const journal = [a1, a2, b2, a3, a4];

// A checker that never says no proves nothing.
describe("the comparison with the journal", () => {
  it("finds nothing where there is nothing, wherever the watch began", () => {
    expect(compareWithJournal(journal, [batch(a1), batch(a2, b2, a3), batch(a4)], 0n)).toEqual(none);
    expect(compareWithJournal(journal, [batch(a3), batch(a4)], 2n)).toEqual(none);
  });

  it("counts each kind of anomaly", () => {
    expect(compareWithJournal(journal, [batch(a1), batch(a2, b2), batch(a4)], 0n)).toEqual({
      ...none,
      lost: 1,
    });
    expect(compareWithJournal(journal, [batch(a1), batch(a2, b2), batch(a2, b2, a3, a4)], 0n)).toMatchObject({
      duplicated: 2,
      split: 1,
    });
    expect(compareWithJournal(journal, [batch(a1), batch(a3, a2, b2), batch(a4)], 0n)).toEqual({
      ...none,
      reordered: 1,
    });
    expect(compareWithJournal(journal, [batch(a1), batch(a2), batch(b2, a3, a4)], 0n)).toEqual({
      ...none,
      split: 1,
    });
    expect(compareWithJournal(journal, [batch(a2, b2, a3, a4, put("x", 9))], 1n)).toEqual({
      ...none,
      foreign: 1,
    });
    expect(compareWithJournal(journal, [batch(a1)], 1n)).toEqual({ ...none, lost: 4, foreign: 1 });
  });
});
