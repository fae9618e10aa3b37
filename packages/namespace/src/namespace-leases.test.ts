import { type KeepAlive, type LeaseKeepAliveOptions, type Leases, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { namespaceLeases } from "./namespace-leases.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Leases that note what they are asked; each is tied to the keys given. */
function fakeLeases(keys: readonly string[] = []) {
  const asked: unknown[][] = [];
  const note =
    (name: string, answer: unknown) =>
    async (...parameters: unknown[]): Promise<unknown> => {
      asked.push([name, ...parameters]);
      return answer;
    };
  const closed: bigint[] = [];
  const leases = {
    keyPrefix: bytes("outer/"),
    grant: note("grant", "granted"),
    revoke: note("revoke", "revoked"),
    timeToLive: async (id: bigint) => (id === 0n ? undefined : { id, ttlSeconds: 5, keys: keys.map(bytes) }),
    list: note("list", "listed"),
    keepAliveOnce: note("keepAliveOnce", "renewed"),
    keepAlive(id: bigint, options?: LeaseKeepAliveOptions): KeepAlive {
      const controller = new AbortController();
      const close = async (): Promise<void> => {
        if (controller.signal.aborted) return;
        closed.push(id);
        controller.abort();
      };
      if (options?.signal?.aborted) controller.abort();
      return { leaseId: id, signal: controller.signal, close } as unknown as KeepAlive;
    },
    close: note("close", undefined),
  };
  return { asked, closed, leases: leases as unknown as Leases };
}

describe("namespaceLeases", () => {
  it("refuses what are no leases", () => {
    for (const leases of [undefined, null, { leases: fakeLeases().leases }]) {
      expect(() => namespaceLeases(leases as never, "a/")).toThrow(new TypeError("leases must be Leases"));
    }
  });

  it("lists those keys of a lease that are in the namespace, without the prefix", async () => {
    const { leases } = fakeLeases(["a/1", "a/", "a", "a0", "b/2", "a/3"]);
    const lease = await namespaceLeases(leases, "a/").timeToLive(7n, { keys: true });
    expect(lease).toMatchObject({ id: 7n, ttlSeconds: 5 });
    expect(lease?.keys.map(utf8)).toEqual(["1", "3"]);
    expect(await namespaceLeases(leases, "a/").timeToLive(0n)).toBeUndefined();
    const nested = namespaceLeases(namespaceLeases(fakeLeases(["a/b/1", "b/2"]).leases, "a/"), "b/");
    expect((await nested.timeToLive(7n))?.keys.map(utf8)).toEqual(["1"]);
    expect(nested.keyPrefix && utf8(nested.keyPrefix)).toBe("outer/a/b/");
  });

  it("passes on all else as it is", async () => {
    const { asked, leases } = fakeLeases();
    const own = namespaceLeases(leases, "a/");
    const call = { timeoutMs: 5 };
    const answers = [
      await own.grant(5, { id: 3n }),
      await own.revoke(3n, call),
      await own.list(call),
      await own.keepAliveOnce(3n, call),
    ];
    expect(answers).toEqual(["granted", "revoked", "listed", "renewed"]);
    expect(asked).toEqual([
      ["grant", 5, { id: 3n }],
      ["revoke", 3n, call],
      ["list", call],
      ["keepAliveOnce", 3n, call],
    ]);
    expect(own.keepAlive(3n).leaseId).toBe(3n);
  });

  it("halts what is kept alive through it when it is closed, and nothing else", async () => {
    const { asked, closed, leases } = fakeLeases();
    const own = namespaceLeases(leases, "a/");
    leases.keepAlive(1n);
    const gone = own.keepAlive(2n);
    own.keepAlive(3n);
    await gone.close();
    await own[Symbol.asyncDispose]();
    await own.close();
    expect(closed).toEqual([2n, 3n]);
    expect(asked).toEqual([]);
    expect(own.keepAlive(4n).signal.aborted).toBe(true);
  });
});
