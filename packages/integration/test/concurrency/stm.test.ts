import { type Isolation, type StmTransaction, stm } from "@etcdkit/concurrency";
import { type Kv, outcomeOf, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { openBridge } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { sharedStore, textAt } from "../kv/store.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";

const levels: readonly Isolation[] = [
  "serializable-snapshot",
  "serializable",
  "repeatable-reads",
  "read-committed",
];

async function numberAt(tx: StmTransaction, key: string): Promise<number> {
  const value = await tx.get(key);
  return value === undefined ? 0 : Number(utf8(value));
}

async function sumOf(kv: Kv, prefix: string): Promise<number> {
  const { kvs } = await kv.range({ prefix });
  return kvs.reduce((sum, { value }) => sum + Number(utf8(value)), 0);
}

/** Moves some of what one key has to another one. */
async function transfer(tx: StmTransaction, from: string, to: string): Promise<void> {
  const [source, target] = await Promise.all([numberAt(tx, from), numberAt(tx, to)]);
  const amount = Math.floor((Math.random() * source) / 2);
  tx.put(from, `${source - amount}`);
  tx.put(to, `${target + amount}`);
}

// Of three members: a read that any of them may answer can be behind.
describeEachEtcd("a transaction over keys", (etcd) => {
  const store = sharedStore(etcd, { members: 3 });

  /** A member that has answered a linearizable read has come as far as the others were when it was asked. */
  async function allCaughtUp(): Promise<void> {
    for (const endpoints of store.endpoints) {
      await using connection = store.connect({ endpoints });
      await createKv(connection).get("any");
    }
  }

  // integration/v3_stm_test.go:TestSTMConflict
  it.each(levels.filter((level) => level !== "read-committed"))(
    "is run again after a conflict, so that transfers at the same time keep the sum (%s)",
    async (isolation) => {
      const prefix = uniqueKey("conflict");
      const accounts = Array.from({ length: 5 }, (_, i) => `${prefix}${i}`);
      for (const account of accounts) await store.kv.put(account, "100");
      await using connections = await together(
        ...store.endpoints.map(async (endpoints) => store.connect({ endpoints })),
      );
      const members = connections.all.map((connection) => createKv(connection));
      await Promise.all(
        accounts.map(async (account, i) => {
          const member = members[i % members.length] ?? store.kv;
          const others = accounts.filter((other) => other !== account);
          await stm(member, (tx) => transfer(tx, account, others[Math.floor(Math.random() * 4)] ?? ""), {
            isolation,
          });
        }),
      );
      expect(await sumOf(store.kv, prefix)).toBe(500);
    },
  );

  // integration/v3_stm_test.go:TestSTMPutNewKey
  it.each(levels)("writes keys that are new (%s)", async (isolation) => {
    const key = uniqueKey("new");
    const { header } = await stm(store.kv, (tx) => tx.put(key, "bar"), { isolation });
    const pair = await store.kv.get(key);
    expect(pair).toMatchObject({ createRevision: header.revision, version: 1n });
    expect(pair && utf8(pair.value)).toBe("bar");
  });

  // integration/v3_stm_test.go:TestSTMAbort
  it.each(levels)("that is aborted writes nothing (%s)", async (isolation) => {
    const key = uniqueKey("abort");
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const running = stm(
      store.kv,
      (tx) => {
        tx.put(key, "baz");
        controller.abort(reason);
        tx.put(key, "bap");
      },
      { isolation, signal: controller.signal },
    );
    await expect(running).rejects.toBe(reason);
    await expect(store.kv.get(key)).resolves.toBeUndefined();
  });

  // integration/v3_stm_test.go:TestSTMSerialize
  it.each(["serializable", "serializable-snapshot"] as const)(
    "reads everything at one revision (%s)",
    async (isolation) => {
      const prefix = uniqueKey("serialize");
      const keys = Array.from({ length: 5 }, (_, i) => `${prefix}${i}`);
      await using connections = await together(
        ...store.endpoints.map(async (endpoints) => store.connect({ endpoints })),
      );
      const readings: Promise<unknown>[] = [];
      for (let round = 0; round < 10; round++) {
        await stm(store.kv, (tx) => {
          for (const key of keys) tx.put(key, `${round}`);
        });
        const connection = connections.all[round % 3] ?? store.connection;
        readings.push(
          stm(
            createKv(connection),
            async (tx) => {
              const seen = new Set<number>();
              // One after the other, while the next rounds are written.
              for (const key of keys) seen.add(await numberAt(tx, key));
              if (seen.size > 1) throw new Error(`read values of several revisions: ${[...seen]}`);
            },
            { isolation },
          ),
        );
      }
      await Promise.all(readings);
    },
  );

  // integration/v3_stm_test.go:TestSTMApplyOnConcurrentDeletion
  it.each(levels.filter((level) => level !== "read-committed"))(
    "is run once more when a key that it read is deleted meanwhile (%s)",
    async (isolation) => {
      const prefix = uniqueKey("deletion");
      await store.kv.put(`${prefix}foo`, "bar");
      let runs = 0;
      // Repeatable reads may be of a member that is behind: the first ones may not find the key yet.
      let deletedIn = 0;
      const { attempts } = await stm(
        store.kv,
        async (tx) => {
          runs++;
          if ((await tx.get(`${prefix}foo`)) !== undefined) {
            await store.kv.delete(`${prefix}foo`);
            deletedIn = runs;
          }
          tx.put(`${prefix}foo2`, "bar2");
        },
        { isolation },
      );
      expect(deletedIn).toBeGreaterThan(0);
      expect(attempts).toBe(deletedIn + 1);
      await expect(textAt(store.kv, `${prefix}foo2`)).resolves.toBe("bar2");
    },
  );

  // integration/v3_stm_test.go:TestSTMSerializableSnapshotPut
  it("that writes one key and reads an older one is not kept from it, as often as it runs", async () => {
    const prefix = uniqueKey("snapshot-put");
    await store.kv.put(`${prefix}a`, "0");
    for (const version of [1n, 2n]) {
      const { attempts } = await stm(store.kv, async (tx) => {
        await tx.get(`${prefix}a`);
        tx.put(`${prefix}b`, "1");
      });
      expect(attempts).toBe(1);
      await expect(store.kv.get(`${prefix}b`)).resolves.toMatchObject({ version });
    }
  });

  // client/v3/concurrency/stm_test.go:TestGet
  it.each(levels)("may ask for no keys at all (%s)", async (isolation) => {
    await expect(stm(store.kv, (tx) => tx.getAll([]), { isolation })).resolves.toMatchObject({ value: [] });
  });

  // concurrency/example_stm_test.go:ExampleSTM_apply
  it("among ten that transfer at the same time keeps the sum", async () => {
    const prefix = uniqueKey("accounts");
    const accounts = Array.from({ length: 5 }, (_, i) => `${prefix}${i}`);
    await stm(store.kv, (tx) => {
      for (const account of accounts) tx.put(account, "100");
    });
    const pick = (): string => accounts[Math.floor(Math.random() * 5)] ?? "";
    await Promise.all(
      Array.from({ length: 10 }, () => {
        const from = pick();
        const to = pick();
        return from === to ? undefined : stm(store.kv, (tx) => transfer(tx, from, to));
      }),
    );
    expect(await sumOf(store.kv, prefix)).toBe(500);
  });

  it("has the keys that it names beforehand after one request", async () => {
    const prefix = uniqueKey("prefetch");
    await store.kv.put(`${prefix}a`, "1");
    // Any of them may be asked, as it is.
    await allCaughtUp();
    const { value, attempts } = await stm(
      store.kv,
      async (tx) => {
        await store.kv.put(`${prefix}a`, "2");
        return await numberAt(tx, `${prefix}a`);
      },
      { prefetch: [`${prefix}a`, `${prefix}b`], maxAttempts: 1, isolation: "read-committed" },
    );
    expect({ value, attempts }).toEqual({ value: 1, attempts: 1 });
  });

  it("starts again when what it was going to read is compacted away", async () => {
    const prefix = uniqueKey("compacted");
    await store.kv.put(`${prefix}a`, "1");
    let run = 0;
    const { value, attempts } = await stm(store.kv, async (tx) => {
      await tx.get(`${prefix}a`);
      if (++run === 1) {
        const { header } = await store.kv.put(`${prefix}b`, "2");
        await store.kv.compact(header.revision, { physical: true });
        await allCaughtUp();
      }
      return await numberAt(tx, `${prefix}b`);
    });
    expect({ value, attempts }).toEqual({ value: 2, attempts: 2 });
  });

  it("ties keys to leases, and keeps them tied", async () => {
    const key = uniqueKey("lease");
    const leases = createLeases(store.connection);
    const { id } = await leases.grant(60);
    await stm(store.kv, (tx) => tx.put(key, "1", { leaseId: id }));
    await stm(store.kv, (tx) => tx.put(key, "2", { ignoreLease: true }));
    await expect(store.kv.get(key)).resolves.toMatchObject({ lease: id, version: 2n });
    await leases.revoke(id);
    await expect(store.kv.get(key)).resolves.toBeUndefined();
  });

  it("is refused when it touches more keys than a request may", async () => {
    const prefix = uniqueKey("many");
    const write = (count: number) =>
      stm(store.kv, (tx) => {
        for (let i = 0; i < count; i++) tx.put(`${prefix}${i}`, "");
      });
    await write(128);
    const { error } = await rejection(() => write(129));
    expect(error).toMatchObject({ code: "TOO_MANY_OPS", outcome: "not-applied" });
  });

  describe("whose link breaks", () => {
    it("while it commits is done at most once, and says that it may have been", async () => {
      const key = uniqueKey("cut");
      await using bridge = await openBridge(store.endpoints[0] ?? "");
      await using connection = store.connect({ endpoints: bridge.endpoint });
      await connection.ready();
      let runs = 0;
      let lost: Promise<unknown> | undefined;
      const failure = await stm(createKv(connection), async (tx) => {
        runs++;
        tx.put(key, `${await numberAt(tx, key)} and one`);
        lost = bridge.dropAnswersThenCut({ quietMs: 500 });
      }).catch((error: unknown) => error);
      await lost;
      expect(outcomeOf(failure)).toBe("unknown");
      expect(runs).toBe(1);
      await expect(store.kv.get(key)).resolves.toMatchObject({ version: 1n });
    });

    it("while it reads goes on over another one", async () => {
      const prefix = uniqueKey("cut");
      await using bridge = await openBridge(store.endpoints[0] ?? "");
      await using connection = store.connect({ endpoints: bridge.endpoint });
      await connection.ready();
      const { attempts } = await stm(createKv(connection), async (tx) => {
        await tx.get(`${prefix}a`);
        bridge.cut();
        await tx.get(`${prefix}b`);
        tx.put(`${prefix}c`, "1");
      });
      expect(attempts).toBe(1);
      await expect(textAt(store.kv, `${prefix}c`)).resolves.toBe("1");
    });
  });
});
