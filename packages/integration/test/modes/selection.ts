import { createClient } from "@connectrpc/connect";
import {
  type Connection,
  type ConnectOptions,
  compare,
  isEtcdError,
  op,
  outcomeOf,
  utf8,
} from "@etcdkit/core";
import { Maintenance } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import type { EtcdCluster } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect } from "vitest";
import { uniqueKey } from "../support/unique-key.js";

/** What a case of the selection runs on: a cluster in one mode, and how its users connect to it. */
export interface ModeGround {
  readonly cluster: EtcdCluster;
  /** One connection for all cases. */
  readonly connection: Connection;
  /** Another one, for the case to close. */
  connect(options?: Partial<ConnectOptions>): Connection;
}

/**
 * The cases that run in every mode. They go through each part of a call once: what may differ between modes is below
 * them all. Titles go on from the mode's own: "over mTLS: …".
 */
export const selection: readonly (readonly [title: string, body: (ground: ModeGround) => Promise<void>])[] = [
  [
    "ready resolves once the cluster is reached",
    async ({ connect }) => {
      await using connection = connect();
      await connection.ready({ timeoutMs: 5_000 });
      expect([...connection.states().values()]).toContain("ready");
    },
  ],
  [
    "what is put can be read",
    async ({ connection }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      const { header } = await kv.put(key, "bar");
      const found = await kv.get(key);
      expect(found).toMatchObject({ modRevision: header.revision, version: 1n });
      expect(utf8(found?.value ?? new Uint8Array())).toBe("bar");
    },
  ],
  [
    "a range comes sorted, limited and counted",
    async ({ connection }) => {
      const kv = createKv(connection);
      const prefix = uniqueKey();
      for (const name of ["b", "c", "a"]) await kv.put(prefix + name, name);
      const { kvs, more, count } = await kv.range(
        { prefix },
        { sort: { by: "created", order: "descending" }, limit: 2 },
      );
      expect(kvs.map(({ value }) => utf8(value))).toEqual(["a", "c"]);
      expect([more, count]).toEqual([true, 3]);
    },
  ],
  [
    "a transaction compares, and does one list of two",
    async ({ connection }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      const create = {
        compare: [compare.missing(key)],
        success: [op.put(key, "new")],
        failure: [op.range(key)],
      };
      await expect(kv.txn(create)).resolves.toMatchObject({ succeeded: true });
      await expect(kv.txn(create)).resolves.toMatchObject({ succeeded: false, responses: [{ count: 1 }] });
    },
  ],
  [
    // common/watch_test.go:TestWatch
    "a watch sees what was, and what comes",
    async ({ connection }) => {
      const kv = createKv(connection);
      await using watcher = createWatcher(connection);
      const key = uniqueKey();
      const { header } = await kv.put(key, "was");
      const watch = watcher.watch(key, { startRevision: header.revision });
      await watch.created;
      await kv.put(key, "comes");
      const seen: string[] = [];
      for await (const batch of watch) {
        if (batch.kind !== "events") continue;
        seen.push(...batch.events.map((event) => utf8(event.kv?.value ?? new Uint8Array())));
        if (seen.length === 2) break;
      }
      expect(seen).toEqual(["was", "comes"]);
    },
  ],
  [
    "a deletion says how many keys there were",
    async ({ connection }) => {
      const kv = createKv(connection);
      const prefix = uniqueKey();
      for (const name of ["a", "b"]) await kv.put(prefix + name, name);
      await expect(kv.delete({ prefix }, { prevKv: true })).resolves.toMatchObject({
        deleted: 2,
        prevKvs: [{}, {}],
      });
      await expect(kv.get(`${prefix}a`)).resolves.toBeUndefined();
    },
  ],
  [
    "a scan reads thousands of keys at one revision",
    async ({ connection }) => {
      const kv = createKv(connection);
      const prefix = uniqueKey();
      const puts = (from: number) =>
        Array.from({ length: 125 }, (_, i) => op.put(`${prefix}${from + i}`, "v"));
      await Promise.all(Array.from({ length: 20 }, (_, i) => kv.txn({ success: puts(i * 125) })));
      let keys = 0;
      for await (const page of kv.scan({ prefix })) {
        if (keys === 0) await kv.put(`${prefix}~late`, "v");
        keys += page.length;
      }
      expect(keys).toBe(2_500);
    },
  ],
  [
    "a large value goes there and comes back whole",
    async ({ connection }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      const value = Uint8Array.from({ length: 1_400_000 }, (_, i) => (i * 31) % 256);
      await kv.put(key, value);
      const found = await kv.get(key);
      expect(Buffer.compare(found?.value ?? new Uint8Array(), value)).toBe(0);
    },
  ],
  [
    "the server's refusal of an empty key arrives as EMPTY_KEY, not applied",
    async ({ connection }) => {
      const failure = createKv(connection).put("", "bar");
      await expect(failure).rejects.toMatchObject({
        code: "EMPTY_KEY",
        outcome: "not-applied",
        endpoint: connection.endpoints()[0],
      });
    },
  ],
  [
    "a read below the compacted revision arrives as COMPACTED",
    async ({ connection }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      const first = await kv.put(key, "1");
      const second = await kv.put(key, "2");
      await kv.compact(second.header.revision);
      await expect(kv.get(key, { revision: first.header.revision })).rejects.toMatchObject({
        code: "COMPACTED",
      });
    },
  ],
  [
    "a request above the client's limit is not sent, one above the server's is refused there",
    async ({ connection, connect }) => {
      await using small = connect({ maxSendBytes: 1_000 });
      const refused = createKv(small).put(uniqueKey(), "a".repeat(2_000));
      await expect(refused).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE", outcome: "not-applied" });
      const large = createKv(connection).put(uniqueKey(), "a".repeat(1_700_000));
      await expect(large).rejects.toMatchObject({ code: "REQUEST_TOO_LARGE", outcome: "not-applied" });
    },
  ],
  [
    "an abort before the call rejects with its reason, and nothing was applied",
    async ({ connection }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      const reason = new Error("changed my mind");
      await expect(kv.put(key, "bar", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await expect(kv.get(key)).resolves.toBeUndefined();
    },
  ],
  [
    "an abort on the way rejects with its reason at once, and the connection goes on",
    async ({ connection, cluster }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      await kv.put(key, "before");
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const member = onlyMember(cluster);
      await member.pause();
      try {
        const put = kv.put(key, "after", { signal: controller.signal });
        setImmediate(() => controller.abort(reason));
        await expect(put).rejects.toBe(reason);
        expect(["unknown", "not-applied"]).toContain(outcomeOf(reason));
      } finally {
        member.resume();
      }
      const found = await kv.get(key);
      expect(["before", "after"]).toContain(utf8(found?.value ?? new Uint8Array()));
    },
  ],
  [
    "a deadline ends a call to a member that is silent, and names it",
    async ({ connection, cluster }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      await kv.put(key, "before");
      const member = onlyMember(cluster);
      await member.pause();
      try {
        const started = performance.now();
        await expect(kv.get(key, { timeoutMs: 500 })).rejects.toMatchObject({ code: "DEADLINE" });
        expect(performance.now() - started).toBeLessThan(2_500);
      } finally {
        member.resume();
      }
      await expect(kv.get(key)).resolves.toMatchObject({ version: 1n });
    },
  ],
  [
    "calls go on after the server was restarted in between",
    async ({ connection, cluster }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      await kv.put(key, "before");
      await cluster.restart();
      await expect(kv.get(key)).resolves.toMatchObject({ version: 1n });
      await kv.put(key, "after");
      await expect(kv.get(key)).resolves.toMatchObject({ version: 2n });
    },
  ],
  [
    "reads that are on the way when the server is restarted are answered in the end",
    async ({ connection, cluster }) => {
      const kv = createKv(connection);
      const key = uniqueKey();
      await kv.put(key, "before");
      const member = onlyMember(cluster);
      await member.kill();
      const reads = Array.from({ length: 20 }, () => kv.get(key, { timeoutMs: 30_000 }));
      const [found] = await Promise.all([Promise.all(reads), member.restart()]);
      expect(found.every((one) => one?.version === 1n)).toBe(true);
    },
  ],
  [
    "setEndpoints moves calls to the endpoints that it names",
    async ({ connection, connect, cluster }) => {
      await using moved = connect({ endpoints: unreachable(cluster) });
      const key = uniqueKey();
      const waiting = createKv(moved).put(key, "bar");
      moved.setEndpoints(cluster.endpoints);
      await waiting;
      expect(moved.endpoints()).toEqual(connection.endpoints());
      await expect(createKv(connection).get(key)).resolves.toMatchObject({ version: 1n });
    },
  ],
  [
    "a pinned endpoint answers for its member",
    async ({ connection, cluster }) => {
      const [endpoint = ""] = cluster.endpoints;
      const status = await createClient(Maintenance, connection.endpoint(endpoint)).status({});
      expect(status.version).toBe(cluster.version);
      expect(status.header?.memberId).toBe(status.leader);
    },
  ],
  [
    "close ends what is under way and what comes later with CLOSED",
    async ({ connect, cluster }) => {
      const connection = connect();
      const kv = createKv(connection);
      const key = uniqueKey();
      await kv.put(key, "bar");
      const member = onlyMember(cluster);
      await member.pause();
      try {
        const pending = kv.get(key).catch((error: unknown) => error);
        await connection.close();
        const failure = await pending;
        expect(isEtcdError(failure, "CLOSED")).toBe(true);
        await expect(kv.get(key)).rejects.toMatchObject({ code: "CLOSED" });
        await expect(kv.put(key, "baz")).rejects.toMatchObject({ code: "CLOSED", outcome: "not-applied" });
        expect(connection.signal.aborted).toBe(true);
      } finally {
        member.resume();
      }
    },
  ],
];

function onlyMember(cluster: EtcdCluster): EtcdCluster["members"][number] {
  const [member] = cluster.members;
  if (member === undefined) throw new Error("the cluster has no members");
  return member;
}

/** An endpoint of the cluster's kind at which nobody listens. */
function unreachable({ endpoints }: EtcdCluster): string {
  const [endpoint = ""] = endpoints;
  return /^unixs?:/.test(endpoint) ? `${endpoint}-missing` : endpoint.replace(/:\d+$/, ":1");
}
