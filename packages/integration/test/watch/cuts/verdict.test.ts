import { create } from "@bufbuild/protobuf";
import { type Event, Event_EventType, type WatchBatch } from "@etcdkit/core";
import { EventSchema, KeyValueSchema, ResponseHeaderSchema } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { type Delivery, isFlawless, judge, type Verdict } from "./verdict.js";

const header = create(ResponseHeaderSchema);

function pair(key: string, value: string, revision: number) {
  return create(KeyValueSchema, {
    key: Buffer.from(key),
    value: Buffer.from(value),
    modRevision: BigInt(revision),
  });
}

function put(key: string, value: string, revision: number): Event {
  return create(EventSchema, { kv: pair(key, value, revision) });
}

function after({ ...event }: Event, prevKv: Event["prevKv"]): Event {
  return { ...event, prevKv };
}

function events(...all: Event[]): WatchBatch {
  return { kind: "events", header, revision: all.at(-1)?.kv?.modRevision ?? 0n, events: all };
}

function state(revision: number, last: boolean, ...kvs: ReturnType<typeof pair>[]): WatchBatch {
  return { kind: "state", header, revision: BigInt(revision), last, kvs };
}

const deletion = create(EventSchema, { type: Event_EventType.DELETE, kv: pair("a", "", 3) });
const [a1, b2, a4] = [put("a", "1", 1), put("b", "2", 2), put("a", "4", 4)];
const journal = [a1, b2, deletion, a4];

function judged(delivery: Partial<Delivery>, ...batches: WatchBatch[]): Verdict {
  return judge(journal, { title: "", after: 0n, prevKv: false, ...delivery, batches });
}

// A judge that never says no proves nothing.
describe("the judge of cut sessions", () => {
  it("finds nothing where there is nothing", () => {
    expect(isFlawless(judged({}, events(a1, b2), events(deletion, a4)))).toBe(true);
    expect(isFlawless(judged({ key: "b" }, events(b2)))).toBe(true);
    expect(isFlawless(judged({ after: undefined }, state(3, true, pair("b", "2", 2)), events(a4)))).toBe(
      true,
    );
    const deleted = after(deletion, pair("a", "1", 1));
    expect(isFlawless(judged({ after: 2n, prevKv: true }, events(deleted, a4)))).toBe(true);
  });

  it("counts what the journal has otherwise", () => {
    expect(judged({}, events(a1, b2, deletion, put("a", "x", 4)))).toMatchObject({ lost: 0, wrong: 1 });
    expect(judged({ after: 2n, prevKv: true }, events(deletion, a4))).toMatchObject({ wrong: 1 });
    expect(judged({ after: 2n }, events(after(deletion, pair("a", "1", 1)), a4))).toMatchObject({ wrong: 1 });
  });

  it("takes the last state, and that as a whole", () => {
    const old = state(1, false, pair("a", "1", 1));
    expect(judged({ after: undefined }, old, state(3, true, pair("b", "2", 2)), events(a4)).wrong).toBe(0);
    expect(judged({ after: undefined }, state(3, true), events(a4)).wrong).toBe(1);
    expect(judged({ after: undefined }, state(3, true, pair("b", "x", 2)), events(a4)).wrong).toBe(1);
    expect(judged({ after: undefined }, state(3, false, pair("b", "2", 2)), events(a4)).lost).toBe(3);
  });

  it("finds everything missing where nothing was delivered", () => {
    expect(judged({}).lost).toBe(4);
    expect(judged({ after: undefined }).lost).toBe(4);
  });
});
