import { EtcdError } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { waitForPredecessors } from "./wait-for-predecessors.js";

/** Keys a, b and c of a queue, one after the other, and their create revisions. */
async function queue() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const revisions: bigint[] = [];
  for (const key of ["q/b", "q/c", "q/a"]) revisions.push((await services.kv.put(key, "")).header.revision);
  const [first = 1n, second = 1n, third = 1n] = revisions;
  return { etcd, services, first, second, third };
}

describe("waitForPredecessors", () => {
  it("resolves at once when no key was created that early", async () => {
    const { services, first, etcd } = await queue();
    await waitForPredecessors(services, { prefix: "q/" }, first - 1n);
    await waitForPredecessors(services, { prefix: "none/" }, etcd.revision);
    expect(etcd.watches).toBe(0);
  });

  it("waits until all that were created up to a revision are gone, in whatever order they go", async () => {
    const { services, second, etcd } = await queue();
    const done = vi.fn();
    const waiting = waitForPredecessors(services, { prefix: "q/" }, second).then(done);
    await vi.waitFor(() => expect(etcd.watches).toBe(1));
    await services.kv.delete("q/b");
    await services.kv.put("q/c", "still there");
    expect(done).not.toHaveBeenCalled();
    await services.kv.delete("q/c");
    await waiting;
    expect(etcd.keys()).toEqual(["q/a"]);
    expect(etcd.watches).toBe(0);
  });

  it("rejects with the reason of its signal, and with what watching ends with", async () => {
    const { services, third, etcd } = await queue();
    const controller = new AbortController();
    const reason = new Error("enough");
    const { signal } = controller;
    const aborted = expect(waitForPredecessors(services, { prefix: "q/" }, third, { signal })).rejects.toBe(
      reason,
    );
    const failed = expect(waitForPredecessors(services, { prefix: "q/" }, third)).rejects.toMatchObject({
      code: "HISTORY_REPLACED",
    });
    await vi.waitFor(() => expect(etcd.watches).toBe(2));
    controller.abort(reason);
    await aborted;
    etcd.breakWatches(new EtcdError("HISTORY_REPLACED", "restored"));
    await failed;
    expect(etcd.watches).toBe(0);
  });

  it("refuses bad arguments", async () => {
    const { services, etcd } = await queue();
    for (const none of [undefined, null, {}]) {
      await expect(waitForPredecessors(none as never, { prefix: "q/" }, 1n)).rejects.toThrow(
        /^services.kv must be a Kv/,
      );
    }
    const { kv } = services;
    await expect(waitForPredecessors({ kv } as never, { prefix: "q/" }, 1n)).rejects.toThrow(
      /^services.watcher must be a Watcher/,
    );
    const { watcher } = etcd.services(new Uint8Array([97]));
    await expect(waitForPredecessors({ kv, watcher }, { prefix: "q/" }, 1n)).rejects.toThrow(
      /of one namespace/,
    );
    await expect(waitForPredecessors(services, { prefix: "q/" }, 0n)).rejects.toThrow(RangeError);
    await expect(waitForPredecessors(services, { prefix: "q/" }, 1 as never)).rejects.toThrow(TypeError);
    await expect(
      waitForPredecessors(services, { prefix: "q/" }, 1n, { timeoutMs: 1 } as never),
    ).rejects.toThrow(TypeError);
  });
});
