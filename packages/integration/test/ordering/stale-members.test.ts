import { type Connection, type ConnectOptions, type Kv, op, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { type StaleAnswer, withOrdering } from "@etcdkit/ordering";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it, vi } from "vitest";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const noGreaterRevision =
  "etcdclient: no cluster members have a revision higher than the previously received revision";
const serializable = true;

/** Connects, and waits until every one of the endpoints could be asked. */
async function connectReady(
  shared: SharedCluster,
  members: readonly EtcdMember[],
  options: Partial<ConnectOptions> = {},
): Promise<Connection> {
  const connection = shared.connect({ ...options, endpoints: members.map(({ endpoint }) => endpoint) });
  await connection.ready();
  await allReady(connection);
  return connection;
}

async function allReady(connection: Connection): Promise<void> {
  await vi.waitFor(() => expect(new Set(connection.states().values())).toEqual(new Set(["ready"])), 10_000);
}

/**
 * Writes a key that all members have, cuts some of them off, and writes it again. Clients reach everybody: a serializable
 * read is answered with `old` by those that were cut off, and with `new` by the others.
 */
async function withStale(
  shared: SharedCluster,
  count: number,
  run: (stale: readonly EtcdMember[], fresh: readonly EtcdMember[], key: string) => Promise<void>,
): Promise<void> {
  const { cluster } = shared;
  const { leader, followers } = await rolesOf(cluster);
  const stale = followers.slice(0, count);
  const fresh = [leader, ...followers.slice(count)];
  const key = uniqueKey();
  await using connection = shared.connect({ endpoints: fresh.map(({ endpoint }) => endpoint) });
  const { header } = await createKv(connection).put(key, "old");
  for (const { endpoint } of stale) {
    await using there = shared.connect({ endpoints: endpoint });
    const kv = createKv(there);
    await vi.waitFor(async () => {
      const answer = await kv.range(key, { serializable });
      expect(answer.header.revision >= header.revision).toBe(true);
    }, 10_000);
  }
  cluster.partition(stale);
  try {
    for (const member of stale) await becomesLeaderless(cluster, member);
    await createKv(connection).put(key, "new");
    for (const { endpoint } of fresh) {
      await using there = shared.connect({ endpoints: endpoint });
      const kv = createKv(there);
      await vi.waitFor(async () => expect(await read(kv, key)).toBe("new"), 10_000);
    }
    await run(stale, fresh, key);
  } finally {
    cluster.heal();
    await allServe(cluster);
  }
}

async function read(kv: Kv, key: string): Promise<string | undefined> {
  const found = await kv.get(key, { serializable });
  return found && utf8(found.value);
}

type Read = readonly [name: string, run: (kv: Kv, key: string) => Promise<unknown>];

function streams(): readonly Read[] {
  const all = (kv: Kv, key: string, revision?: bigint): Promise<unknown> => {
    if (kv.stream === undefined) throw new Error("the store cannot stream");
    return Array.fromAsync(kv.stream(op.range(key, { serializable, revision })));
  };
  const seen = new Map<string, bigint>();
  return [
    ["stream", (kv, key) => all(kv, key)],
    [
      "stream of a revision that was seen",
      async (kv, key) => {
        const revision = seen.get(key) ?? (await kv.range(key, { serializable })).header.revision;
        seen.set(key, revision);
        return await all(kv, key, revision);
      },
    ],
  ];
}

describeEachEtcd("a member that was cut off", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  const reads: readonly Read[] = [
    // ordering_kv_test.go:TestDetectKvOrderViolation
    ["get", (kv, key) => kv.get(key, { serializable })],
    ["scan", (kv, key) => Array.fromAsync(kv.scan({ prefix: key }, { serializable }))],
    // ordering_kv_test.go:TestDetectTxnOrderViolation
    ["txn", (kv, key) => kv.txn({ success: [op.range(key, { serializable })] })],
    ...(etcd.has("range-stream") ? streams() : []),
  ];

  it("is found out by every kind of read, and the handler's error is the read's", () =>
    withStale(shared, 1, async (stale, fresh, key) => {
      await using connection = await connectReady(shared, fresh);
      for (const [name, run] of reads) {
        connection.setEndpoints(fresh.map(({ endpoint }) => endpoint));
        await allReady(connection);
        const violation = new Error(`${name}: order violation`);
        const told: StaleAnswer[] = [];
        const onStale = (stale: StaleAnswer): void => {
          told.push(stale);
          throw violation;
        };
        const kv = withOrdering(createKv(connection), { onStale });
        await run(kv, key);
        connection.setEndpoints(stale.map(({ endpoint }) => endpoint));
        await allReady(connection);
        await expect(run(kv, key)).rejects.toBe(violation);
        expect(told).toMatchObject([{ answers: 1, rounds: 0 }]);
        for (const { floor, revision = 0n } of told) expect(revision < floor).toBe(true);
      }
    }));

  // ordering_util_test.go:TestEndpointSwitchResolvesViolation
  it("is no help where it is the only one; with another one beside it, reads go on", () =>
    withStale(shared, 1, async (stale, fresh, key) => {
      await using connection = await connectReady(shared, fresh);
      const kv = withOrdering(createKv(connection));
      expect(await read(kv, key)).toBe("new");
      connection.setEndpoints(stale.map(({ endpoint }) => endpoint));
      await allReady(connection);
      const { error } = await rejection(() => read(kv, key));
      expect(error).toMatchObject({ code: "NO_GREATER_REV", message: noGreaterRevision });
      connection.setEndpoints([...stale, ...fresh].map(({ endpoint }) => endpoint));
      await allReady(connection);
      for (let i = 0; i < 10; i++) expect(await read(kv, key)).toBe("new");
      // The count of what was stale belongs to one read: what failed before takes nothing from later ones.
      connection.setEndpoints(stale.map(({ endpoint }) => endpoint));
      await allReady(connection);
      await expect(read(kv, key)).rejects.toMatchObject({ code: "NO_GREATER_REV" });
      // A linearizable read cannot be answered there at all.
      await expect(kv.get(key, { timeoutMs: 300 })).rejects.toMatchObject({ code: "DEADLINE" });
    }));

  it("is left for another one by the handler's doing", () =>
    withStale(shared, 1, async (stale, fresh, key) => {
      await using connection = await connectReady(shared, fresh);
      const onStale = vi.fn(async () => {
        connection.setEndpoints(fresh.map(({ endpoint }) => endpoint));
        await allReady(connection);
      });
      const kv = withOrdering(createKv(connection), { onStale });
      expect(await read(kv, key)).toBe("new");
      connection.setEndpoints(stale.map(({ endpoint }) => endpoint));
      await allReady(connection);
      expect(await read(kv, key)).toBe("new");
      expect(onStale).toHaveBeenCalled();
    }));

  it.each(["round-robin", "pick-first"] as const)(
    "takes no reader back, one of three, while reads without order go back: %s",
    (balancing) =>
      withStale(shared, 1, async (stale, fresh, key) => {
        const members = [...stale, ...fresh];
        await using connection = await connectReady(shared, members, { balancing });
        const plain = createKv(connection);
        const kv = withOrdering(plain);
        // A program reads what it wrote.
        const { header } = await kv.put(key, "newest", { timeoutMs: 5_000 }).catch(async () => {
          // It went to the member that was cut off; there is no telling whether it will be done.
          connection.setEndpoints(fresh.map(({ endpoint }) => endpoint));
          await allReady(connection);
          const answer = await kv.put(key, "newest");
          connection.setEndpoints(members.map(({ endpoint }) => endpoint));
          await allReady(connection);
          return answer;
        });
        const all = Array.from({ length: 60 }, async () => ({
          plain: (await plain.range(key, { serializable })).header.revision,
          ordered: (await kv.range(key, { serializable })).header.revision,
        }));
        const answers = await Promise.all(all);
        const back = (revisions: readonly bigint[]): number =>
          revisions.filter((revision) => revision < header.revision).length;
        const went = {
          plain: back(answers.map((one) => one.plain)),
          ordered: back(answers.map((one) => one.ordered)),
        };
        console.log(`reads that went back (etcd ${etcd.version}, ${balancing}):`, went);
        expect(went.ordered).toBe(0);
        expect(went.plain).toBeGreaterThan(10);
        const pages = await Array.fromAsync(kv.scan({ prefix: key }, { serializable }));
        expect(pages.flat().map(({ value }) => utf8(value))).toEqual(["newest"]);
      }),
  );
});

describeEachEtcd("two of five members that were cut off", (etcd) => {
  const shared = etcd.shared({ members: 5, partitionable: true });

  // ordering_util_test.go:TestUnresolvableOrderViolation
  it("cannot answer between them, and each is asked five times", () =>
    withStale(shared, 2, async (stale, fresh, key) => {
      const asked: bigint[] = [];
      const onStale = ({ memberId = 0n, rounds }: StaleAnswer): void => {
        asked.push(memberId);
        if (rounds === 5) throw new Error("enough");
      };
      await using connection = await connectReady(shared, fresh);
      const kv = withOrdering(createKv(connection));
      const counting = withOrdering(createKv(connection), { onStale });
      for (const one of [kv, counting]) expect(await read(one, key)).toBe("new");
      connection.setEndpoints(stale.map(({ endpoint }) => endpoint));
      await allReady(connection);
      await expect(read(kv, key)).rejects.toMatchObject({
        code: "NO_GREATER_REV",
        message: noGreaterRevision,
      });
      await expect(read(counting, key)).rejects.toThrow("enough");
      const counts = [...new Set(asked)].map((id) => asked.filter((one) => one === id).length);
      expect(counts.toSorted()).toEqual([5, 6]);
    }));
});
