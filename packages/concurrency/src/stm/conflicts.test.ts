import { type Clock, EtcdError, isEtcdError, systemClock, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { MemoryKv } from "../../test/stm/memory-kv.js";
import type { Isolation } from "./isolation.js";
import { stm } from "./stm.js";

const levels: readonly Isolation[] = [
  "serializable-snapshot",
  "serializable",
  "repeatable-reads",
  "read-committed",
];
const guarding = levels.filter((level) => level !== "read-committed");

function textOf(value: Uint8Array | undefined): string {
  return value === undefined ? "" : utf8(value);
}

/** A clock that remembers what was waited for, and lets nobody wait. */
function hurriedClock(pauses: number[]): Clock {
  return {
    now: systemClock.now,
    setTimer(delayMs, callback, keepAlive) {
      pauses.push(delayMs);
      return systemClock.setTimer(0, callback, keepAlive);
    },
  };
}

describe("a transaction that others came before", () => {
  it.each(guarding)("runs apply again on what the keys are now (%s)", async (isolation) => {
    const kv = new MemoryKv();
    kv.write({ a: "1" });
    const seen: string[] = [];
    const { attempts, value } = await stm(
      kv,
      async (tx) => {
        const a = textOf(await tx.get("a"));
        seen.push(a);
        if (seen.length === 1) kv.write({ a: "2" });
        tx.put("b", `from ${a}`);
        tx.put(`attempt ${seen.length}`, "");
        return a;
      },
      { isolation },
    );
    expect({ attempts, value, seen }).toEqual({ attempts: 2, value: "2", seen: ["1", "2"] });
    expect(kv.text("b")).toBe("from 2");
    expect(kv.text("attempt 1")).toBeUndefined();
  });

  it("is not disturbed by them when it reads what is committed and no more", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1" });
    const { attempts } = await stm(
      kv,
      async (tx) => {
        const a = textOf(await tx.get("a"));
        kv.write({ a: "2" });
        tx.put("a", `${a}+`);
      },
      { isolation: "read-committed" },
    );
    expect(attempts).toBe(1);
    expect(kv.text("a")).toBe("1+");
  });

  it.each<[string, Readonly<Record<string, string | undefined>>, Isolation, number]>([
    ["a key that it read is written with the same value", { read: "1" }, "serializable", 2],
    ["a key that it read is deleted", { read: undefined }, "serializable", 2],
    ["a key that it found missing is created", { missing: "" }, "serializable", 2],
    ["a key that it read is deleted", { read: undefined }, "repeatable-reads", 2],
    ["a key that it writes is written", { written: "2" }, "serializable-snapshot", 2],
    ["a key that it writes is written", { written: "2" }, "serializable", 1],
    ["a key that it writes is written", { written: "2" }, "repeatable-reads", 1],
    ["another key is written", { other: "" }, "serializable-snapshot", 1],
  ])("when %s (%o, %s) has had %d attempts", async (_, change, isolation, expected) => {
    const kv = new MemoryKv();
    kv.write({ read: "1" });
    kv.write({ written: "1" });
    let run = 0;
    const { attempts } = await stm(
      kv,
      async (tx) => {
        await tx.getAll(["read", "missing"]);
        tx.put("written", "mine");
        if (++run === 1) kv.write(change);
      },
      { isolation },
    );
    expect(attempts).toBe(expected);
    expect(kv.text("written")).toBe("mine");
  });

  it("takes from the conflict what it read before, without asking", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    let run = 0;
    await stm(kv, async (tx) => {
      await tx.get("a");
      await tx.get("b");
      if (++run === 1) kv.write({ b: "2" });
    });
    expect(kv.asked.map(({ op }) => op.type)).toEqual(["range", "range", "txn", "txn"]);
  });

  it("reads what is new in the second attempt at the revision of what the conflict brought along", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    let run = 0;
    const seen: string[] = [];
    await stm(kv, async (tx) => {
      run++;
      const a = textOf(await tx.get("a"));
      if (run === 1) kv.write({ a: "2", b: "2" });
      else if (run === 2) {
        kv.write({ a: "3", b: "3" });
        seen.push(a, textOf(await tx.get("b")));
      }
    });
    expect(seen).toEqual(["2", "2"]);
  });

  // What etcd's Go client does not do: it would go on with a and c of different revisions.
  it.each(["serializable-snapshot", "serializable"] as const)(
    "forgets what the conflict brought along when it reads something else first (%s)",
    async (isolation) => {
      const kv = new MemoryKv();
      kv.write({ a: "1", c: "1" });
      let run = 0;
      const seen: string[] = [];
      await stm(
        kv,
        async (tx) => {
          if (++run === 1) {
            await tx.get("a");
            kv.write({ a: "2", c: "2" });
            return;
          }
          if (run === 2) kv.write({ a: "3", c: "3" });
          seen.push(textOf(await tx.get("c")), textOf(await tx.get("a")));
        },
        { isolation },
      );
      expect(seen).toEqual(["3", "3"]);
      expect(run).toBe(2);
    },
  );

  it("starts again at a later revision when its own was compacted away", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    let run = 0;
    const { attempts, value } = await stm(kv, async (tx) => {
      await tx.get("a");
      if (++run === 1) kv.compacted = kv.write({ b: "2" });
      // What apply makes of the failure does not matter.
      return await tx.get("b").catch(() => undefined);
    });
    expect(attempts).toBe(2);
    expect(textOf(value)).toBe("2");
  });

  it("does not start again when apply fails with COMPACTED of its own", async () => {
    const failure = new EtcdError("COMPACTED", "somebody else's read");
    let run = 0;
    const running = stm(new MemoryKv(), () => {
      run++;
      throw failure;
    });
    await expect(running).rejects.toBe(failure);
    expect(run).toBe(1);
  });

  it("gives up with CONFLICT after maxAttempts, and nothing is written", async () => {
    const kv = new MemoryKv();
    let run = 0;
    const failure = await stm(
      kv,
      async (tx) => {
        await tx.get("a");
        kv.write({ a: `${++run}` });
        tx.put("b", "1");
      },
      { maxAttempts: 2 },
    ).catch((error: unknown) => error);
    expect(isEtcdError(failure, "CONFLICT")).toBe(true);
    expect(failure).toMatchObject({ outcome: "not-applied", message: expect.stringContaining("2 times") });
    expect(run).toBe(2);
    expect(kv.text("b")).toBeUndefined();
  });

  it("pauses from the third conflict on, by chance and never long, and asks anew after that", async () => {
    const kv = new MemoryKv();
    const pauses: number[] = [];
    const asked: number[] = [];
    const { attempts } = await stm(
      kv,
      async (tx) => {
        const before = kv.asked.length;
        await tx.get("a");
        asked.push(kv.asked.length - before);
        if (asked.length <= 12) kv.write({ a: `${asked.length}` });
      },
      { clock: hurriedClock(pauses) },
    );
    expect(attempts).toBe(13);
    // Two further attempts at once, with what the conflicts brought along.
    expect(asked.slice(0, 4)).toEqual([1, 0, 0, 1]);
    expect(asked.slice(3).every((count) => count === 1)).toBe(true);
    expect(pauses).toHaveLength(10);
    pauses.forEach((pause, i) => {
      expect(pause).toBeGreaterThanOrEqual(0);
      expect(pause).toBeLessThanOrEqual(Math.min(2 * 2 ** i, 100));
    });
    expect(new Set(pauses).size).toBeGreaterThan(1);
  });

  it("with others of the same kind loses no update", async () => {
    const kv = new MemoryKv();
    const increment = () =>
      stm(kv, async (tx) => {
        tx.put("count", `${Number(textOf(await tx.get("count"))) + 1}`);
      });
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(kv.text("count")).toBe("20");
    expect(kv.version("count")).toBe(20n);
  });
});
