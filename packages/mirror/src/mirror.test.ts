import { EtcdError, type KvExecutor } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { bytes, MemoryKv } from "../test/memory-kv.js";
import { deletion, events, pair, progress, put, ScriptedWatcher, state } from "../test/scripted-watcher.js";
import { type MirrorBatch, mirror } from "./mirror.js";

const kv = new MemoryKv();
const read = (watcher: ScriptedWatcher): Promise<MirrorBatch[]> =>
  Array.fromAsync(mirror({ kv, watcher }, { prefix: "a/" }));

describe("mirror", () => {
  it("watches the prefix with its state first, on a stream of its own", async () => {
    const watcher = new ScriptedWatcher([]);
    await read(watcher);
    await read(watcher);
    const [request] = watcher.requests;
    expect(request).toEqual({
      key: bytes("a/"),
      rangeEnd: bytes("a0"),
      initial: true,
      onCompacted: "resync",
      progressNotify: true,
    });
    const headers = watcher.calls.map((call) => JSON.stringify(call?.headers));
    expect(new Set(headers).size).toBe(2);
  });

  it("tells where a base begins and ends, also when it has to begin again", async () => {
    const batches = await read(
      new ScriptedWatcher([
        ...[state(5n, false, pair(2n, "a/1", "x")), state(7n, false, pair(6n, "a/1", "y"))],
        ...[state(7n, false, pair(3n, "a/2", "x")), state(7n, true), state(7n, true, pair(2n, "a/1", "z"))],
      ]),
    );
    expect(
      batches.map((batch) => batch.kind === "base" && [batch.revision, batch.first, batch.last]),
    ).toEqual([
      [5n, true, false],
      [7n, true, false],
      [7n, false, false],
      [7n, false, true],
      [7n, true, true],
    ]);
    expect(batches.map(({ checkpoint }) => checkpoint?.revision)).toEqual([
      ...[undefined, undefined, undefined],
      ...[7n, 7n],
    ]);
    // The key that was written last, of all pages of that base.
    const witnesses = batches.map(({ checkpoint }) => checkpoint?.witness?.key);
    expect(witnesses.slice(3)).toEqual([bytes("a/1"), bytes("a/1")]);
    expect(batches[3]?.checkpoint?.witness?.digest).not.toEqual(batches[4]?.checkpoint?.witness?.digest);
  });

  it("delivers updates revision by revision, each with its checkpoint", async () => {
    const batches = await read(
      new ScriptedWatcher([
        state(1n, true),
        events(put(2n, "a/1", "x"), put(3n, "a/1", "y"), put(3n, "a/2", "y"), deletion(4n, "a/1")),
        progress(9n),
      ]),
    );
    expect(batches.map((batch) => [batch.kind, batch.revision, batch.checkpoint?.revision])).toEqual([
      ["base", 1n, 1n],
      ["updates", 2n, 2n],
      ["updates", 3n, 3n],
      ["updates", 4n, 4n],
      ["progress", 9n, 9n],
    ]);
    expect(batches.map((batch) => (batch.kind === "updates" ? batch.events.length : 0))).toEqual([
      0, 1, 2, 1, 0,
    ]);
    const gone = { key: bytes("a/1"), digest: new Uint8Array(0) };
    expect(batches.map(({ checkpoint }) => checkpoint?.witness)).toMatchObject([
      undefined,
      { key: bytes("a/1") },
      { key: bytes("a/2") },
      gone,
      gone,
    ]);
  });

  it("takes no more from the watch than is taken from it, and ends it when it is left", async () => {
    const watcher = new ScriptedWatcher([state(1n, true), events(put(2n, "a/1", "x")), progress(3n)]);
    const batches = mirror({ kv, watcher }, { prefix: "a/" });
    expect(watcher.requests).toHaveLength(0);
    for await (const batch of batches) if (batch.kind === "updates") break;
    expect(watcher.taken).toBe(2);
    expect(watcher.closed).toBe(1);
  });

  it("throws what ends the watch, behind all that came before", async () => {
    const error = new EtcdError("COMPACTED", "gone");
    const watcher = new ScriptedWatcher([state(1n, true)], error);
    const kinds: string[] = [];
    const reading = (async () => {
      for await (const { kind } of mirror({ kv, watcher }, { prefix: "a/", onCompacted: "throw" }))
        kinds.push(kind);
    })();
    await expect(reading).rejects.toBe(error);
    expect(kinds).toEqual(["base"]);
    expect(watcher.requests[0]).not.toHaveProperty("onCompacted");
    expect(watcher.closed).toBe(1);
  });

  it("opens another watch, behind what it has, when one ends for a reason that passes", async () => {
    const source = new MemoryKv();
    source.put("a/1", "x");
    const found = await source.execute({ type: "range", key: bytes("a/1") });
    const away = new EtcdError("NO_LEADER", "etcdserver: no leader", { grpcCode: "UNAVAILABLE" });
    const watcher = new ScriptedWatcher([state(2n, false, ...found.kvs)], away)
      .next([state(2n, true, ...found.kvs)], away)
      .next([events(put(3n, "a/1", "y"))]);
    const batches = await Array.fromAsync(mirror({ kv: source, watcher }, { prefix: "a/" }));
    expect(batches).toMatchObject([
      { kind: "base", first: true, last: false },
      // Nothing is known of how the keys have changed since that page: it is void.
      { kind: "base", first: true, last: true },
      { kind: "updates", revision: 3n },
    ]);
    expect(watcher.requests).toMatchObject([{ initial: true }, { initial: true }, { startRevision: 3n }]);
    expect(watcher.closed).toBe(3);
  });

  it("looks at the history of the source also when it opens another watch", async () => {
    const away = new EtcdError("NO_LEADER", "etcdserver: no leader", { grpcCode: "UNAVAILABLE" });
    const watcher = new ScriptedWatcher([state(9n, true)], away).next([events(put(10n, "a/1", "y"))]);
    const source = new MemoryKv();
    source.revision = 8n;
    await expect(Array.fromAsync(mirror({ kv: source, watcher }, { prefix: "a/" }))).rejects.toMatchObject({
      code: "HISTORY_REPLACED",
    });
  });

  it("does not begin when its signal has aborted", async () => {
    const reason = new Error("no");
    const watcher = new ScriptedWatcher([state(1n, true)]);
    const batches = mirror({ kv, watcher }, { prefix: "a/", signal: AbortSignal.abort(reason) });
    await expect(Array.fromAsync(batches)).rejects.toBe(reason);
    expect(watcher.requests).toEqual([]);
  });

  it.each([
    [{ kv, watcher: new ScriptedWatcher([]) }, {}, /^prefix must be/],
    [{ kv, watcher: new ScriptedWatcher([]) }, { prefix: 1 }, /^prefix must be/],
    [{ kv, watcher: new ScriptedWatcher([]) }, { prefix: "", from: 5n }, /^from must be a checkpoint/],
    [{ kv, watcher: new ScriptedWatcher([]) }, { prefix: "", onCompacted: "no" }, /^onCompacted must be/],
    [{ kv, watcher: new ScriptedWatcher([]) }, { prefix: "", clock: 1 }, /^clock must be/],
    [{ kv, watcher: new ScriptedWatcher([]) }, { prefix: "", revision: 1n }, /unknown option "revision"/],
    [{ kv }, { prefix: "" }, /^source.watcher must be a Watcher/],
    [{}, { prefix: "" }, /^source.kv must be a Kv/],
    [undefined, { prefix: "" }, /^source.kv must be a Kv/],
  ])("refuses %o, %o at once", (source, options, message) => {
    expect(() => mirror(source as never, options as never)).toThrow(message);
  });

  it("refuses services of two namespaces", () => {
    const watcher = Object.assign(new ScriptedWatcher([]), { keyPrefix: bytes("tenant/") });
    expect(() => mirror({ kv, watcher }, { prefix: "" })).toThrow(/must be of one namespace/);
  });
});

describe("a mirror that goes on from a checkpoint", () => {
  /** A source with some writes, and the checkpoint of the last of them. */
  async function begun() {
    const source = new MemoryKv();
    source.put("a/1", "x");
    source.put("a/1", "y");
    const found = await source.execute({ type: "range", key: bytes("a/1") });
    const watcher = new ScriptedWatcher([state(source.revision, true, ...found.kvs)]);
    const [base] = await Array.fromAsync(mirror({ kv: source, watcher }, { prefix: "a/" }));
    if (base?.checkpoint === undefined) throw new Error("a base without a checkpoint");
    return { source, from: base.checkpoint };
  }

  const goOn = async (source: MemoryKv, from: NonNullable<MirrorBatch["checkpoint"]>) => {
    const watcher = new ScriptedWatcher([events(put(9n, "a/1", "z"))]);
    const reading = Array.fromAsync(mirror({ kv: source, watcher }, { prefix: "a/", from }));
    return { watcher, batches: await reading };
  };

  it("watches from the next revision on", async () => {
    const { source, from } = await begun();
    const { watcher, batches } = await goOn(source, from);
    expect(watcher.requests[0]).toMatchObject({ startRevision: 4n });
    expect(watcher.requests[0]).not.toHaveProperty("initial");
    expect(batches.map(({ kind }) => kind)).toEqual(["updates"]);
  });

  it("asks again when the source cannot be reached for a moment", async () => {
    const { source, from } = await begun();
    source.faults.push(
      { when: "after", error: new EtcdError("UNAVAILABLE", "away") },
      { when: "before", error: new EtcdError("DEADLINE", "late") },
    );
    expect((await goOn(source, from)).batches).toHaveLength(1);
  });

  it("ends with CLUSTER_CHANGED when another cluster answers", async () => {
    const { source, from } = await begun();
    source.clusterId = 8n;
    await expect(goOn(source, from)).rejects.toMatchObject({ code: "CLUSTER_CHANGED", oldClusterId: 7n });
  });

  it("ends with HISTORY_REPLACED when the source is behind it, or has something else at its revision", async () => {
    const { source, from } = await begun();
    source.revision = 2n;
    await expect(goOn(source, from)).rejects.toMatchObject({ code: "HISTORY_REPLACED", seen: 3n, now: 2n });
    const other = new MemoryKv();
    other.put("a/1", "x");
    other.put("a/1", "something else");
    await expect(goOn(other, from)).rejects.toMatchObject({ code: "HISTORY_REPLACED" });
  });

  it("ends when the watcher is closed, also while the source cannot be reached", async () => {
    const { source, from } = await begun();
    const watcher = new ScriptedWatcher([]);
    watcher.created = Promise.reject(new EtcdError("CLOSED", "closed"));
    const away = { execute: () => Promise.reject(new EtcdError("UNAVAILABLE", "away")) };
    expect(await Array.fromAsync(mirror({ kv: away, watcher }, { prefix: "a/", from }))).toEqual([]);
    expect(source.ops).toHaveLength(1);
  });

  it("leaves to the watch what was compacted", async () => {
    const { source, from } = await begun();
    const kv: KvExecutor = {
      execute: (op, call) =>
        op.type === "range" && op.revision !== undefined
          ? Promise.reject(new EtcdError("COMPACTED", "gone"))
          : source.execute(op, call),
    };
    const watcher = new ScriptedWatcher([state(9n, true)]);
    const batches = await Array.fromAsync(mirror({ kv, watcher }, { prefix: "a/", from }));
    expect(batches).toMatchObject([{ kind: "base", first: true, revision: 9n }]);
  });

  it("compares nothing with a bare revision", async () => {
    const { source, from } = await begun();
    source.clusterId = 8n;
    expect((await goOn(source, { revision: from.revision })).batches).toHaveLength(1);
  });
});
