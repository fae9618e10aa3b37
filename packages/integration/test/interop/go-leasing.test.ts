import { compare, op, utf8 } from "@etcdkit/core";
import { openLeasingKv } from "@etcdkit/leasing";
import { describe, expect, it, vi } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { goProgram } from "./go-client.js";
import { interopGround, type Sides } from "./ground.js";
import { untilKeys } from "./waiting.js";

interface Reading {
  readonly value: string | null;
  readonly version: number;
}

describe.skipIf(goProgram === undefined)("Go's package leasing shares with ours", () => {
  // The newest server is enough: what is tried is which keys and values the two write and wait for.
  describeNewestEtcd("the right to answer from memory", (etcd) => {
    const ground = interopGround(etcd);

    /** Both on one leasing prefix, and a key of theirs. */
    async function open({ services }: Sides) {
      const name = uniqueKey("leasing");
      const ours = await openLeasingKv(services, name);
      return { name, ours, key: uniqueKey("user") };
    }

    // lease/leasing_test.go:TestLeasingPutGet
    it("a key that Go owns is revoked by our put, and the other way round", async () => {
      await using sides = await ground.sides();
      const { go, kv } = sides;
      const { name, ours, key } = await open(sides);
      await using _ = ours;
      const theirs = { name, key };
      await kv.put(key, "first");
      expect(await go.call<Reading>("leasing.get", theirs)).toMatchObject({ value: "first" });
      expect(await untilKeys(kv, name, 1)).toEqual([name + key]); // Go owns it

      await ours.put(key, "ours");
      expect(await untilKeys(kv, name, 0)).toEqual([]);
      expect(await go.call<Reading>("leasing.get", theirs)).toMatchObject({ value: "ours", version: 2 });

      const another = { name, key: uniqueKey("user") };
      await kv.put(another.key, "first");
      await ours.get(another.key);
      await untilKeys(kv, name + another.key, 1); // we own it
      const { hits } = ours.stats();
      await ours.get(another.key);
      expect(ours.stats().hits).toBe(hits + 1);
      await go.call("leasing.put", { ...another, value: "Go's" });
      const read = await ours.get(another.key);
      expect(read && utf8(read.value)).toBe("Go's");
      // Twice: a put of Go's that it owns no key for is carried out a second time under the protocol.
      expect(read?.version).toBeGreaterThanOrEqual(2n);
    });

    // lease/leasing_test.go:TestLeasingDeleteNonOwner
    it("a key that one owns is deleted by the other", async () => {
      await using sides = await ground.sides();
      const { go, kv } = sides;
      const { name, ours, key } = await open(sides);
      await using _ = ours;
      await kv.put(key, "value");
      await go.call("leasing.get", { name, key });
      await untilKeys(kv, name, 1);
      expect(await ours.delete(key)).toMatchObject({ deleted: 1 });
      expect(await go.call<Reading>("leasing.get", { name, key })).toMatchObject({ value: null });

      const another = uniqueKey("user");
      await kv.put(another, "value");
      await ours.get(another);
      await untilKeys(kv, name + another, 1);
      await go.call("leasing.delete", { name, key: another });
      expect(await ours.get(another)).toBeUndefined();
    });

    // lease/leasing_test.go:TestLeasingTxnNonOwnerPut
    it("a transaction of one writes several keys that the other owns", async () => {
      await using sides = await ground.sides();
      const { go, kv } = sides;
      const { name, ours, key } = await open(sides);
      await using _ = ours;
      const [a, b] = [`${key}a`, `${key}b`];
      for (const each of [a, b]) {
        await kv.put(each, "first");
        await go.call("leasing.get", { name, key: each });
      }
      await untilKeys(kv, name, 2);
      const done = await ours.txn({
        compare: [compare.value(a).equals("first")],
        success: [op.put(a, "ours"), op.put(b, "ours")],
      });
      expect(done.succeeded).toBe(true);
      for (const each of [a, b]) {
        expect(await go.call<Reading>("leasing.get", { name, key: each })).toMatchObject({ value: "ours" });
      }

      const [c, d] = [`${key}c`, `${key}d`];
      for (const each of [c, d]) {
        await kv.put(each, "first");
        await ours.get(each);
      }
      await untilKeys(kv, `${name}${key}`, 2);
      const puts = { [c]: "Go's", [d]: "Go's" };
      const theirs = { name, key: c, value: "first", puts };
      expect(await go.call("leasing.txn", theirs)).toEqual({ succeeded: true });
      for (const each of [c, d]) {
        const read = await ours.get(each);
        expect(read && utf8(read.value)).toBe("Go's");
      }
    });

    // lease/leasing_test.go:TestLeasingOwnerDeletePrefix
    it("a prefix with keys that one owns is deleted by the other", async () => {
      await using sides = await ground.sides();
      const { go, kv } = sides;
      const { name, ours, key } = await open(sides);
      await using _ = ours;
      const keys = ["a", "b", "c"].map((end) => key + end);
      for (const each of keys) {
        await kv.put(each, "value");
        await go.call("leasing.get", { name, key: each });
      }
      await untilKeys(kv, name, 3);
      expect(await ours.delete({ prefix: key })).toMatchObject({ deleted: 3 });
      for (const each of keys) {
        expect(await go.call<Reading>("leasing.get", { name, key: each })).toMatchObject({ value: null });
      }
    });

    it("what a program of Go's that died had owned is read and written when its lease has ended", async () => {
      await using sides = await ground.sides();
      const { go, kv } = sides;
      const { name, ours, key } = await open(sides);
      await using _ = ours;
      await kv.put(key, "first");
      await go.call("leasing.get", { name, key });
      const [leasingKey = ""] = await untilKeys(kv, name, 1);
      const lease = (await kv.get(leasingKey))?.lease ?? 0n;
      await go.kill();
      const writing = ours.put(key, "ours");
      // Its owner was asked to let go, and nobody heard.
      await vi.waitFor(async () => {
        const asked = await kv.get(leasingKey);
        expect(asked && utf8(asked.value)).toBe("REVOKE");
      }, 10_000);
      await sides.services.leases.revoke(lease); // as its end would
      await writing;
      const read = await ours.get(key);
      expect(read && utf8(read.value)).toBe("ours");
    });
  });
});
