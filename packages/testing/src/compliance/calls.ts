import { getEventListeners } from "node:events";
import { type CallOptions, type Kv, op, outcomeOf } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { type Ground, type KvSetup, on } from "./ground.js";

type Method = (ground: Ground, call: CallOptions) => Promise<unknown>;

const methods: readonly (readonly [name: string, call: Method, writes: boolean])[] = [
  ["get", ({ kv, key }, call) => kv.get(key("a"), call), false],
  ["range", ({ kv, prefix }, call) => kv.range(prefix(), call), false],
  ["put", ({ kv, key }, call) => kv.put(key("a"), "written", call), true],
  ["delete", ({ kv, key }, call) => kv.delete(key("kept"), call), true],
  ["txn", ({ kv, key }, call) => kv.txn({ success: [op.put(key("a"), "written")] }, call), true],
  ["execute", ({ kv, key }, call) => kv.execute(op.put(key("a"), "written"), call), true],
];

/** What holds for every call: how it ends early, what it refuses, what it keeps of its arguments. */
export function describeCalls(setup: KvSetup): void {
  describe.each(methods)("%s", (_, run, writes) => {
    it(
      "rejects with the signal's reason when aborted before the call, which then does nothing",
      on(setup, async (ground) => {
        await ground.write(["kept", "here"]);
        const reason = new Error("changed my mind");
        await expect(run(ground, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        expect(outcomeOf(reason)).toBe(writes ? "not-applied" : undefined);
        expect([await ground.value("a"), await ground.value("kept")]).toEqual([undefined, "here"]);
      }),
    );

    it(
      "rejects with the signal's reason when aborted during the call, and says what is known of a write",
      on(setup, async (ground) => {
        await ground.write(["kept", "here"]);
        const controller = new AbortController();
        const pending = run(ground, { signal: controller.signal });
        const reason = new Error("changed my mind");
        controller.abort(reason);
        await expect(pending).rejects.toBe(reason);
        expect(outcomeOf(reason)).toBeOneOf(writes ? ["not-applied", "unknown"] : [undefined]);
      }),
    );

    it(
      "lets go of the signal when it is done",
      on(setup, async (ground) => {
        const { signal } = new AbortController();
        await run(ground, { signal });
        expect(getEventListeners(signal, "abort")).toEqual([]);
      }),
    );

    it(
      "takes a deadline, headers and the demand for a leader",
      on(setup, async (ground) => {
        await run(ground, {
          timeoutMs: 30_000,
          requireLeader: true,
          idempotent: true,
          headers: { "x-case": "1" },
        });
      }),
    );

    it(
      "rejects unknown and ill-typed options before anything is sent",
      on(setup, async (ground) => {
        await ground.write(["kept", "here"]);
        const bad: readonly (readonly [unknown, typeof TypeError | typeof RangeError])[] = [
          [{ timeout: 5 }, TypeError],
          [{ timeoutMs: "5" }, TypeError],
          [{ timeoutMs: -1 }, RangeError],
          [{ signal: new AbortController() }, TypeError],
          [{ requireLeader: "yes" }, TypeError],
          [JSON.parse('{"__proto__":{"timeoutMs":5}}'), TypeError],
          [null, TypeError],
        ];
        for (const [options, type] of bad) {
          await expect(run(ground, options as CallOptions)).rejects.toThrow(type);
        }
        expect([await ground.value("a"), await ground.value("kept")]).toEqual([undefined, "here"]);
      }),
    );
  });

  describe("every method", () => {
    it(
      "rejects bad arguments, and does nothing then",
      on(setup, async ({ kv, key, value, write }) => {
        await write(["kept", "here"]);
        const [kept, other] = [key("kept"), key("a")];
        const bad: readonly (readonly [() => Promise<unknown>, typeof TypeError | typeof RangeError])[] = [
          [() => kv.get({ prefix: kept } as never), TypeError],
          [() => kv.get("\ud800"), TypeError],
          [() => kv.get(kept, { revision: 0n }), RangeError],
          [() => kv.get(kept, { revision: 5 as never }), TypeError],
          [() => kv.range(5 as never), TypeError],
          [() => kv.range({ prefix: kept, to: other } as never), TypeError],
          [() => kv.range({ from: kept, to: kept }), RangeError],
          [() => kv.range(kept, { limit: -1 }), RangeError],
          [() => kv.range(kept, { first: "key", limit: 1 }), TypeError],
          [() => kv.range(kept, { minModRevision: 3n, maxModRevision: 2n }), RangeError],
          [() => kv.put(kept, 5 as never), TypeError],
          [() => kv.put(kept, "changed", { leaseId: 0n }), RangeError],
          [() => kv.put(kept, "changed", { ignoreValue: true }), TypeError],
          [() => kv.put(kept, "changed", { ignoreLease: true, leaseId: 1n }), TypeError],
          [() => kv.delete({} as never), TypeError],
          [() => kv.txn([] as never), TypeError],
          [
            () => kv.txn({ success: [op.put(kept, "changed"), { type: "compact", revision: 1n }] as never }),
            TypeError,
          ],
          [() => kv.compact(0n), RangeError],
          [() => kv.execute({ type: "increment", key: kept } as never), TypeError],
          [() => kv.execute({ type: "put", key: kept, value: "changed" } as never), TypeError],
        ];
        for (const [run, type] of bad) await expect(run()).rejects.toThrow(type);
        expect([await value("a"), await value("kept")]).toEqual([undefined, "here"]);
      }),
    );

    it(
      "takes its arguments as they are at the call, whatever becomes of them",
      on(setup, async ({ kv, key, value, write }) => {
        await write(["b", "old"]);
        const [name, bytes] = [key("a"), Uint8Array.from([0x6f, 0x6b])];
        const put = kv.put(name, bytes);
        name.fill(0x78);
        bytes.fill(0x78);
        const success = [op.put(key("b"), "new")];
        const txn = kv.txn({ success });
        success.length = 0;
        await Promise.all([put, txn]);
        expect([await value("a"), await value("b")]).toEqual(["ok", "new"]);
      }),
    );

    it(
      "works detached from its object",
      on(setup, async ({ kv, key, prefix }) => {
        const { get, put, range, txn, execute, delete: remove, scan }: Kv = kv;
        await put(key("a"), "1");
        expect((await get(key("a")))?.version).toBe(1n);
        expect((await range(prefix())).count).toBe(1);
        expect((await txn({})).succeeded).toBe(true);
        expect((await execute(op.range(key("a")))).count).toBe(1);
        for await (const kvs of scan(prefix())) expect(kvs).toHaveLength(1);
        expect((await remove(key("a"))).deleted).toBe(1);
      }),
    );

    it(
      "serves many calls at once, each with its own answer",
      on(setup, async ({ kv, key }) => {
        const numbers = Array.from({ length: 50 }, (_, i) => i);
        await Promise.all(numbers.map((i) => kv.put(key(`k${i}`), `v${i}`)));
        const found = await Promise.all(numbers.map((i) => kv.get(key(`k${i}`))));
        const decoder = new TextDecoder();
        expect(found.map((one) => decoder.decode(one?.value))).toEqual(numbers.map((i) => `v${i}`));
      }),
    );
  });
}
