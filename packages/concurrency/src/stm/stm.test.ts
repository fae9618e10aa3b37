import { type Compare, EtcdError, utf8 } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { MemoryKv } from "../../test/stm/memory-kv.js";
import type { Isolation } from "./isolation.js";
import { stm } from "./stm.js";

function textOf(value: Uint8Array | undefined): string | undefined {
  return value && utf8(value);
}

/** The compares of the last commit, as text. */
function conditionsOf(kv: MemoryKv): readonly string[] {
  const commit = kv.asked.at(-1)?.op;
  if (commit?.type !== "txn") throw new Error("the last request was no commit");
  return commit.compare.map(({ key, relation, operand }: Compare) => `${utf8(key)} ${relation} ${operand}`);
}

describe("a transaction", () => {
  it("does its writes at one revision, and resolves with what apply returned", async () => {
    const kv = new MemoryKv();
    kv.write({ gone: "x" });
    const result = await stm(kv, (tx) => {
      tx.put("a", "1");
      tx.put("b", new Uint8Array([0x32]));
      tx.delete("gone");
      return 7;
    });
    expect(result).toMatchObject({ value: 7, attempts: 1, header: { revision: 2n } });
    expect(["a", "b", "gone"].map((key) => kv.text(key))).toEqual(["1", "2", undefined]);
  });

  it("reads what it has written itself, of several writes the last", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "old" });
    const { value } = await stm(kv, async (tx) => {
      const seen = [await tx.get("a")];
      tx.put("a", "new");
      seen.push(await tx.get("a"));
      tx.delete("a");
      seen.push(await tx.get("a"));
      tx.put("a", "newest");
      seen.push(await tx.get("a"));
      return seen.map(textOf);
    });
    expect(value).toEqual(["old", "new", undefined, "newest"]);
    expect(kv.version("a")).toBe(2n);
  });

  it("asks for a key once, and hands out a copy each time", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "old" });
    await stm(kv, async (tx) => {
      const first = await tx.get("a");
      first?.fill(0);
      expect(textOf(await tx.get("a"))).toBe("old");
      tx.put("b", "mine");
      (await tx.get("b"))?.fill(0);
    });
    expect(kv.asked).toHaveLength(2);
    expect(kv.text("b")).toBe("mine");
  });

  it("asks in one request for keys that are asked for in one turn", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", c: "3" });
    const { value } = await stm(kv, async (tx) => [
      ...(await Promise.all([tx.get("a"), tx.get("b"), tx.get("a")])),
      ...(await tx.getAll(["c", "a"])),
    ]);
    expect(value.map(textOf)).toEqual(["1", undefined, "1", "3", "1"]);
    expect(kv.asked.map(({ op }) => op.type)).toEqual(["txn", "range", "txn"]);
  });

  // client/v3/concurrency/stm_test.go:TestGet
  it("asks for nothing when it reads no keys", async () => {
    const kv = new MemoryKv();
    const { value } = await stm(kv, (tx) => tx.getAll([]));
    expect(value).toEqual([]);
    expect(kv.asked).toHaveLength(1);
  });

  it("tells the revision of a key as it was read, whatever is to be written", async () => {
    const kv = new MemoryKv();
    const revision = kv.write({ a: "1" });
    const { value } = await stm(kv, async (tx) => {
      tx.put("a", "2");
      return [await tx.modRevision("a"), await tx.modRevision("missing")];
    });
    expect(value).toEqual([revision, 0n]);
    expect(conditionsOf(kv)).toEqual(["a equal 1", "missing equal 0"]);
  });

  it("tells keys apart by their bytes", async () => {
    const kv = new MemoryKv();
    const [bytes, text] = [new Uint8Array([0xff]), "\u00ff"];
    await stm(kv, async (tx) => {
      tx.put(bytes, "bytes");
      tx.put(text, "text");
      expect(textOf(await tx.get(new Uint8Array([0xff])))).toBe("bytes");
      expect(textOf(await tx.get(toBytes(text, "key")))).toBe("text");
    });
    expect(kv.text(text)).toBe("text");
  });

  it("keeps what it was given, whatever becomes of the bytes", async () => {
    const kv = new MemoryKv();
    const [key, value] = [toBytes("a", "key"), toBytes("1", "value")];
    await stm(kv, (tx) => {
      tx.put(key, value);
      key.fill(0);
      value.fill(0);
    });
    expect(kv.text("a")).toBe("1");
  });

  it("passes on what puts are to be done with, and how requests are to be sent", async () => {
    const kv = new MemoryKv();
    await stm(kv, (tx) => tx.put("a", "1", { leaseId: 5n }), { requireLeader: true, headers: { who: "me" } });
    expect(kv.asked[0]).toMatchObject({
      op: { success: [{ type: "put", leaseId: 5n }] },
      call: { requireLeader: true, headers: { who: "me" } },
    });
  });

  it("that only reads is confirmed, and asks for its reads once more so that no member confirms by itself", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1" });
    const { header } = await stm(kv, (tx) => tx.get("a"), { isolation: "repeatable-reads" });
    expect(header.revision).toBe(1n);
    expect(kv.asked.at(-1)?.op).toMatchObject({ success: [], failure: [{ type: "range" }] });
    expect(kv.asked.at(-1)?.op).not.toHaveProperty("failure.0.serializable");
    expect(conditionsOf(kv)).toEqual(["a equal 1"]);
  });

  it("of nothing commits", async () => {
    const kv = new MemoryKv();
    await expect(stm(kv, () => "done")).resolves.toMatchObject({ value: "done", attempts: 1 });
  });

  it("may return what is thenable, as an async function may", async () => {
    const { value } = await stm(new MemoryKv(), () => Promise.resolve("later"));
    expect(value).toBe("later");
  });
});

describe("the reads of a transaction", () => {
  describe.each<Isolation>(["serializable-snapshot", "serializable"])("that is %s", (isolation) => {
    it("are of the revision of the first one, which any member may tell", async () => {
      const kv = new MemoryKv();
      kv.write({ a: "1", b: "1" });
      const pairs: (readonly (string | undefined)[])[] = [];
      await stm(
        kv,
        async (tx) => {
          const a = await tx.get("a");
          if (pairs.length === 0) kv.write({ a: "2", b: "2" });
          pairs.push([textOf(a), textOf(await tx.get("b"))]);
        },
        { isolation },
      );
      expect(pairs).toEqual([
        ["1", "1"],
        ["2", "2"],
      ]);
      expect(kv.asked[0]?.op).not.toHaveProperty("revision");
      expect(kv.asked[0]?.op).not.toHaveProperty("serializable");
      expect(kv.asked[1]?.op).toMatchObject({ revision: 1n, serializable: true });
    });

    it("are of one revision also when they are asked for side by side, turn by turn", async () => {
      const kv = new MemoryKv();
      kv.write({ a: "1", b: "1" });
      kv.before = (_, n) => {
        if (n === 2) kv.write({ a: "2", b: "2" });
      };
      const { value } = await stm(
        kv,
        async (tx) => {
          const a = tx.get("a");
          await Promise.resolve();
          await Promise.resolve();
          return (await Promise.all([a, tx.get("b")])).map(textOf);
        },
        { isolation, maxAttempts: 2 },
      );
      expect(value).toEqual(["2", "2"]);
      expect(kv.asked[1]?.op).toMatchObject({ type: "range", revision: 1n });
    });

    it("wait for a member that has not come so far yet", async () => {
      const kv = new MemoryKv();
      kv.write({ a: "1", b: "1" });
      const revisions: (boolean | undefined)[] = [];
      kv.before = ({ op }) => {
        if (op.type !== "range" || op.revision === undefined) return;
        revisions.push(op.serializable);
        if (op.serializable === true) throw new EtcdError("FUTURE_REV", "not yet");
      };
      const { attempts } = await stm(
        kv,
        async (tx) => {
          await tx.get("a");
          return await tx.get("b");
        },
        { isolation },
      );
      expect(attempts).toBe(1);
      expect(revisions).toEqual([true, undefined]);
    });
  });

  it.each<Isolation>(["repeatable-reads", "read-committed"])(
    "that is %s are each as a member knows them, and stay so",
    async (isolation) => {
      const kv = new MemoryKv();
      kv.write({ a: "1", b: "1" });
      let attempt = 0;
      const seen: (string | undefined)[] = [];
      await stm(
        kv,
        async (tx) => {
          if (++attempt > 1) return;
          seen.push(textOf(await tx.get("a")));
          kv.write({ a: "2", b: "2" });
          seen.push(textOf(await tx.get("a")), textOf(await tx.get("b")));
        },
        { isolation },
      );
      expect(seen).toEqual(["1", "1", "2"]);
      for (const { op } of kv.asked.slice(0, 2)) {
        expect(op).toMatchObject({ type: "range", serializable: true });
        expect(op).not.toHaveProperty("revision");
      }
    },
  );
});

describe("the commit of a transaction", () => {
  it.each<[Isolation, readonly string[]]>([
    ["serializable-snapshot", ["read equal 1", "both equal 1", "written less 3"]],
    ["serializable", ["read equal 1", "both equal 1"]],
    ["repeatable-reads", ["read equal 1", "both equal 1"]],
    ["read-committed", []],
  ])("that is %s depends on what its level says", async (isolation, conditions) => {
    const kv = new MemoryKv();
    kv.write({ read: "1", both: "1" });
    kv.write({ written: "1" });
    await stm(
      kv,
      async (tx) => {
        await tx.getAll(["read", "both"]);
        tx.put("both", "2");
        tx.put("written", "2");
      },
      { isolation },
    );
    expect(conditionsOf(kv)).toEqual(conditions);
  });

  it.each<Isolation>(["serializable-snapshot", "serializable", "repeatable-reads", "read-committed"])(
    "that is %s depends on nothing when nothing was read",
    async (isolation) => {
      const kv = new MemoryKv();
      await stm(kv, (tx) => tx.put("a", "1"), { isolation });
      expect(conditionsOf(kv)).toEqual([]);
    },
  );

  // etcd issue 8439
  it("does not depend on how old a key is that is written beside an older one that is read", async () => {
    const kv = new MemoryKv();
    kv.write({ read: "1" });
    kv.write({ written: "1" });
    const run = () =>
      stm(kv, async (tx) => {
        await tx.get("read");
        tx.put("written", "2");
      });
    await expect(run()).resolves.toMatchObject({ attempts: 1 });
    await expect(run()).resolves.toMatchObject({ attempts: 1 });
  });

  it("is never called idempotent", async () => {
    const kv = new MemoryKv();
    await stm(kv, (tx) => tx.put("a", "1"));
    expect(kv.asked[0]?.call?.idempotent).toBeUndefined();
  });
});

describe("the keys to prefetch", () => {
  it("are read in one request before apply runs, and decide the revision of all reads", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1", c: "1" });
    const { value } = await stm(
      kv,
      async (tx) => {
        if (kv.revision === 1n) kv.write({ c: "2" });
        const values = [await tx.get("c"), await tx.get("a"), await tx.get("b")];
        return values.map(textOf);
      },
      { prefetch: ["a", "b"], isolation: "serializable", maxAttempts: 2 },
    );
    expect(value).toEqual(["2", "1", "1"]);
    expect(kv.asked.map(({ op }) => op.type)).toEqual(["txn", "range", "txn", "txn"]);
    expect(kv.asked[1]?.op).toMatchObject({ revision: 1n, serializable: true });
  });

  it("count as read only when apply reads them", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    const { attempts } = await stm(
      kv,
      async (tx) => {
        await tx.get("a");
        kv.write({ b: "2" });
      },
      { prefetch: ["a", "b"] },
    );
    expect(attempts).toBe(1);
    expect(conditionsOf(kv)).toEqual(["a equal 1"]);
  });

  it("are not read again when a conflict brought them along", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    let run = 0;
    const { attempts } = await stm(
      kv,
      async (tx) => {
        await tx.getAll(["b", "a"]);
        if (++run === 1) kv.write({ a: "2" });
      },
      { prefetch: ["a", "b"] },
    );
    expect(attempts).toBe(2);
    expect(kv.asked).toHaveLength(3);
  });

  it("are at hand at every level", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1" });
    const { value } = await stm(
      kv,
      async (tx) => [textOf(await tx.get("missing")), textOf(await tx.get("a"))],
      { prefetch: ["a"], isolation: "read-committed" },
    );
    expect(value).toEqual([undefined, "1"]);
    expect(kv.asked).toHaveLength(3);
  });
});

describe("the arguments of a transaction", () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ["kv", () => stm(undefined as never, () => 1), /kv must be a Kv/],
    ["apply", () => stm(new MemoryKv(), undefined as never), /apply must be a function/],
    ["options", () => stm(new MemoryKv(), () => 1, 5 as never), /options of stm/],
    [
      "names of options",
      () => stm(new MemoryKv(), () => 1, { retries: 1 } as never),
      /unknown option "retries"/,
    ],
    [
      "isolation",
      () => stm(new MemoryKv(), () => 1, { isolation: "none" as never }),
      /isolation must be one of/,
    ],
    ["prefetch", () => stm(new MemoryKv(), () => 1, { prefetch: "a" as never }), /prefetch must be an array/],
    ["its keys", () => stm(new MemoryKv(), () => 1, { prefetch: ["a", 5 as never] }), /prefetch\[1\]/],
    [
      "maxAttempts",
      () => stm(new MemoryKv(), () => 1, { maxAttempts: "1" as never }),
      /maxAttempts must be a number/,
    ],
    ["clock", () => stm(new MemoryKv(), () => 1, { clock: {} as never }), /clock must be a Clock/],
    ["keys", () => stm(new MemoryKv(), (tx) => tx.get({ prefix: "a" } as never)), /key must be/],
    ["lists of keys", () => stm(new MemoryKv(), (tx) => tx.getAll("a" as never)), /keys must be an array/],
    [
      "keys that are deleted",
      () => stm(new MemoryKv(), (tx) => tx.delete({ prefix: "a" } as never)),
      /key must be/,
    ],
    ["values", () => stm(new MemoryKv(), (tx) => tx.put("a", 5 as never)), /value must be/],
    [
      "options of put",
      () => stm(new MemoryKv(), (tx) => tx.put("a", "", { lease: 1 } as never)),
      /unknown option "lease"/,
    ],
  ])("%s: a TypeError names what is wrong", async (_, call, message) => {
    const failure = await call().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect(failure).toHaveProperty("message", expect.stringMatching(message));
  });

  it.each([0, -1, 1.5, Number.NaN])("maxAttempts cannot be %d", async (maxAttempts) => {
    await expect(stm(new MemoryKv(), () => 1, { maxAttempts })).rejects.toThrow(RangeError);
  });

  it("a bad option is found before anything is sent", async () => {
    const kv = new MemoryKv();
    await expect(stm(kv, () => 1, { timeoutMs: 0 })).rejects.toThrow(RangeError);
    expect(kv.asked).toEqual([]);
  });
});
