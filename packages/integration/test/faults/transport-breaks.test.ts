import { Code, createClient } from "@connectrpc/connect";
import { Lease, Watch } from "@etcdkit/core/protocol";
import { goawayFrame, openBridge, openFrameProxy, rstStreamFrame } from "@etcdkit/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { within } from "../support/within.js";
import { bytes, failureOf, freeze, type Ground, onServer, versionOf } from "./transport-ground.js";

const quickKeepalive = { intervalMs: 300, timeoutMs: 1_000, withoutCalls: false };

// The server's part in these rows is the same in all versions: HTTP/2 of the same library.
describeNewestEtcd("our transport, when what it is connected to breaks", (etcd) => {
  describe("with a server that dies", () => {
    it("F01 killed: what is under way fails within 100 ms, its outcome unknown", async () => {
      await using cluster = await etcd.start();
      const [member] = cluster.members;
      await using ground = onServer(cluster.endpoints[0] ?? "");
      await ground.connect();
      const watches = watch(ground, "never");
      await watches.next();
      await freeze(member); // so that nothing is answered before the end
      const calls = Array.from({ length: 50 }, (_, index) => ground.kv.put({ key: bytes(`F01/${index}`) }));
      const failures = Promise.all(calls.map(failureOf));
      const watching = failureOf(watches.next());
      await ground.kv.range({ key: bytes("a") }, { timeoutMs: 50 }).catch(() => undefined); // they have left meanwhile
      await member?.kill();
      expect(await within(failures)).toBeLessThan(100);
      expect(new Set(await failures)).toEqual(new Set(["Unavailable unknown"]));
      expect(await watching).toBe("Unavailable unknown");
      expect(ground.link.state).toBe("idle");
      expect(await failureOf(ground.kv.range({ key: bytes("a") }))).toBe("Unavailable unsent");
    });

    it("F02 asked to stop: open unary calls finish", async () => {
      await using cluster = await etcd.start();
      await using ground = onServer(cluster.endpoints[0] ?? "");
      await ground.connect();
      const puts = Array.from({ length: 50 }, (_, index) => ground.kv.put({ key: bytes(`F02/${index}`) }));
      await puts[0];
      const outcomes = Promise.all(
        puts.map((put) =>
          put.then(
            () => "ok",
            () => failureOf(put),
          ),
        ),
      );
      await cluster.members[0]?.stop();
      const seen = new Set(await outcomes);
      // Those that the server had not looked at may be asked again; none is in doubt.
      expect(
        [...seen].filter((outcome) => outcome !== "ok" && !/ (?:unsent|refused)$/.test(outcome)),
      ).toEqual([]);
      expect(seen).toContain("ok");
    });

    it("F03 stopped by a signal: calls fail at their deadline, and late answers disturb nobody", async () => {
      await using cluster = await etcd.start();
      const [member] = cluster.members;
      await using ground = onServer(cluster.endpoints[0] ?? "");
      await ground.connect();
      await freeze(member);
      expect(await failureOf(ground.kv.put({ key: bytes("F03") }, { timeoutMs: 300 }))).toBe(
        "DeadlineExceeded unknown",
      );
      member?.resume();
      await ground.kv.put({ key: bytes("F03/after") });
      expect(ground.states).toEqual(["connecting", "ready"]);
    });

    it("F03 stopped for longer: the link is given up, and calls fail before their deadline", async () => {
      await using cluster = await etcd.start();
      const [member] = cluster.members;
      await using ground = onServer(cluster.endpoints[0] ?? "", { keepAlive: quickKeepalive });
      await ground.connect();
      await freeze(member);
      const begun = performance.now();
      expect(await failureOf(ground.kv.put({ key: bytes("F03") }, { timeoutMs: 60_000 }))).toBe(
        "Unavailable unknown",
      );
      expect(performance.now() - begun).toBeLessThan(5_000);
      member?.resume();
      await ground.connect();
      await ground.kv.put({ key: bytes("F03/after") });
    });
  });

  describe("with a network that breaks", () => {
    const shared = etcd.shared();
    let endpoint: string;
    beforeEach(() => {
      endpoint = shared.endpoints[0] ?? "";
    });

    it("F04 a black hole: an idle watch notices by ping", async () => {
      await using bridge = await openBridge(endpoint);
      await using ground = onServer(bridge.endpoint, { keepAlive: quickKeepalive });
      await ground.connect();
      const watches = watch(ground, "F04");
      await watches.next();
      const failure = failureOf(watches.next());
      await bridge.blackhole();
      const begun = performance.now();
      expect(await failure).toBe("Unavailable unknown");
      expect(performance.now() - begun).toBeLessThan(5_000);
    });

    it("F06 a connection that the server has forgotten: the reset is heard as soon as it comes through", async () => {
      await using bridge = await openBridge(endpoint);
      await using ground = onServer(bridge.endpoint);
      await ground.connect();
      await bridge.blackhole("toServer");
      const failure = failureOf(ground.kv.range({ key: bytes("a") }));
      await ground.kv.range({ key: bytes("a") }, { timeoutMs: 50 }).catch(() => undefined);
      bridge.cut();
      expect(await failure).toBe("Unavailable unknown");
      await bridge.pass();
      await ground.connect();
      await ground.kv.range({ key: bytes("a") });
    });

    it.each(["DATA", "HEADERS"] as const)(
      "F07 a reset inside an answer's %s: the error names the errno",
      async (type) => {
        await using proxy = await openFrameProxy(endpoint);
        await using ground = onServer(proxy.endpoint);
        await ground.connect();
        proxy.when({ direction: "toClient", type }, { do: "cut", before: true });
        await expect(ground.kv.put({ key: bytes(`F07/${type}`) })).rejects.toMatchObject({
          code: Code.Unavailable,
          kind: "link",
          disposition: "unknown",
          cause: { code: "ECONNRESET" },
        });
        expect(ground.link.state).toBe("idle");
      },
    );

    it("F07 a reset behind any byte of a session: each call ends, and what is said of a write is true", async () => {
      await using direct = onServer(endpoint);
      await direct.connect();
      const seen = new Set<string>();
      for (let at = 1; at <= 400; at += 3) {
        const key = `F07/byte/${at}`;
        await using proxy = await openFrameProxy(endpoint);
        await using ground = onServer(proxy.endpoint);
        // When the session is shorter than that, closing the proxy ends the wait.
        proxy.cutAfter(at, at % 2 === 0 ? "toClient" : "toServer").catch(() => undefined);
        const isLinked = await ground.connect().then(
          () => true,
          () => false,
        );
        const outcome = isLinked ? await outcomeOf(ground, key) : "no link";
        seen.add(outcome);
        const version = await versionOf(direct.kv, key);
        if (outcome === "ok") expect(version).toBe(1n);
        else if (outcome.endsWith("unknown")) expect(version).toBeLessThanOrEqual(1n);
        else expect(version).toBe(0n);
      }
      expect([...seen]).toEqual(expect.arrayContaining(["ok", "no link", "Unavailable unknown"]));
    });

    it.each([1, 2, 9])(
      "F08 answers lost after the write, %d times: exactly one attempt each",
      async (times) => {
        await using proxy = await openFrameProxy(endpoint);
        await using direct = onServer(endpoint);
        await direct.connect();
        await using ground = onServer(proxy.endpoint);
        for (let time = 0; time < times; time++) {
          const key = `F08/${times}/${time}`;
          await ground.connect();
          const rule = proxy.when(
            { direction: "toServer", type: "DATA", endStream: true, connection: time + 1 },
            { do: "lose-answers", quietMs: 300 }, // by then it is surely written
          );
          const failure =
            time % 3 === 0
              ? ground.kv.put({ key: bytes(key) })
              : time % 3 === 1
                ? ground.kv.txn({
                    success: [{ request: { case: "requestPut", value: { key: bytes(key) } } }],
                  })
                : createClient(Lease, ground.link).leaseGrant({ TTL: 100n, ID: BigInt(1_000_000 + times) });
          expect(await failureOf(failure)).toBe("Unavailable unknown");
          expect(rule.hits).toBe(1);
          if (time % 3 < 2) expect(await versionOf(direct.kv, key)).toBe(1n);
        }
        if (times > 2) {
          const { leases } = await createClient(Lease, direct.link).leaseLeases({});
          expect(leases.filter(({ ID }) => ID === BigInt(1_000_000 + times))).toHaveLength(1);
        }
      },
    );

    it.each([
      ["without open streams", 0],
      ["with open streams", 3],
    ])(
      "F09 GOAWAY with the largest id, %s: new calls go elsewhere at once, open ones finish",
      async (_, open) => {
        await using proxy = await openFrameProxy(endpoint);
        await using ground = onServer(proxy.endpoint);
        await ground.connect();
        const held = proxy.when({ direction: "toClient", type: "HEADERS" }, { do: "hold" });
        const calls = Array.from({ length: open }, (_, index) =>
          ground.kv.put({ key: bytes(`F09/${index}`) }),
        );
        if (open > 0) await held.hit();
        held.remove();
        const idle = new Promise<void>((resolve) =>
          ground.link.subscribe(({ state }) => state === "idle" && resolve()),
        );
        proxy.release();
        proxy.inject("toClient", goawayFrame(2 ** 31 - 1));
        await idle;
        await Promise.all(calls);
        await ground.connect();
        await ground.kv.put({ key: bytes("F09/after") });
        expect(ground.states).toEqual(["connecting", "ready", "idle", "connecting", "ready"]);
      },
    );

    it("F09 GOAWAY with a smaller id: streams up to it finish, those beyond are refused", async () => {
      await using proxy = await openFrameProxy(endpoint);
      await using ground = onServer(proxy.endpoint);
      await ground.connect();
      proxy.when({ direction: "toServer", streamId: 5, andLater: true }, { do: "drop" });
      proxy.when(
        { direction: "toServer", streamId: 5 },
        { do: "inject", bytes: goawayFrame(3), other: true },
      );
      const calls = ["a", "b", "c"].map((name) => ground.kv.put({ key: bytes(`F09/k/${name}`) }));
      const outcomes = await Promise.all(
        calls.map((call) =>
          call.then(
            () => "ok",
            () => failureOf(call),
          ),
        ),
      );
      expect(outcomes).toEqual(["ok", "ok", "Unavailable refused"]);
    });

    it("F10 GOAWAY too_many_pings: no failed call, and half the pings on the next link", async () => {
      const intervalMs = 250;
      await using proxy = await openFrameProxy(endpoint);
      await using ground = onServer(proxy.endpoint, {
        keepAlive: { intervalMs, timeoutMs: 5_000, withoutCalls: true },
      });
      await ground.connect();
      // etcd's own patience: two pings within 5 s are one too many, and at the next its GOAWAY comes.
      const reason = await new Promise<unknown>((resolve) =>
        ground.link.subscribe((event) => event.state === "idle" && resolve(event.reason)),
      );
      expect(String(reason)).toContain("ENHANCE_YOUR_CALM");
      const begun = performance.now();
      await ground.connect();
      await proxy.when({ direction: "toServer", type: "PING", connection: 2 }, { do: "pass" }).hit();
      expect(performance.now() - begun).toBeGreaterThan(1.5 * intervalMs);
      await ground.kv.range({ key: bytes("a") });
    });

    it.each([
      [7, "Unavailable refused"],
      [8, "Canceled unknown"],
      [2, "Internal unknown"],
    ])("F12 RST_STREAM with code %d on one stream: %s, and the others go on", async (code, expected) => {
      await using proxy = await openFrameProxy(endpoint);
      await using ground = onServer(proxy.endpoint);
      await ground.connect();
      proxy.when({ direction: "toServer", streamId: 3, andLater: true }, { do: "drop" });
      proxy.when(
        { direction: "toServer", streamId: 3 },
        { do: "inject", bytes: rstStreamFrame(3, code), other: true },
      );
      const calls = ["a", "b", "c"].map((name) => ground.kv.put({ key: bytes(`F12/${code}/${name}`) }));
      const outcomes = await Promise.all(
        calls.map((call) =>
          call.then(
            () => "ok",
            () => failureOf(call),
          ),
        ),
      );
      expect(outcomes).toEqual(["ok", expected, "ok"]);
      expect(ground.states).toEqual(["connecting", "ready"]);
    });
  });

  describe("F11 with a limit of four streams", () => {
    let cleanUp: (() => void) | undefined;
    afterEach(() => cleanUp?.());

    it("three watches and a lease leave no room: calls wait no longer than their deadline, and say why", async () => {
      await using cluster = await etcd.start({ args: ["--max-concurrent-streams", "4"] });
      await using ground = onServer(cluster.endpoints[0] ?? "");
      await ground.connect();
      const controller = new AbortController();
      cleanUp = () => controller.abort();
      const one = new AbortController();
      const watches = ["a", "b", "c"].map((name, index) =>
        watch(ground, name, index === 0 ? one.signal : controller.signal),
      );
      await Promise.all(watches.map((watching) => watching.next()));
      const lease = createClient(Lease, ground.link).leaseKeepAlive(never(), { signal: controller.signal });
      const leasing = failureOf(lease[Symbol.asyncIterator]().next());
      const calls = Array.from({ length: 50 }, () =>
        ground.kv.range({ key: bytes("a") }, { timeoutMs: 300 }),
      );
      const failures = await Promise.all(calls.map(failureOf));
      expect(new Set(failures)).toEqual(new Set(["DeadlineExceeded unsent"]));
      await expect(ground.kv.range({ key: bytes("a") }, { timeoutMs: 50 })).rejects.toThrow(
        "limit of streams",
      );
      // One stream is free again: all are served, one after the other.
      one.abort();
      await Promise.all(
        Array.from({ length: 50 }, () => ground.kv.range({ key: bytes("a") }, { timeoutMs: 10_000 })),
      );
      controller.abort();
      expect(await leasing).toContain("Canceled");
    });
  });
});

async function outcomeOf(ground: Ground, key: string): Promise<string> {
  const put = ground.kv.put({ key: bytes(key) }, { timeoutMs: 10_000 });
  return await put.then(
    () => "ok",
    () => failureOf(put),
  );
}

/** A watch of one key; its first message says that it has been created. */
function watch(ground: Ground, key: string, signal?: AbortSignal) {
  async function* requests() {
    yield { requestUnion: { case: "createRequest" as const, value: { key: bytes(key) } } };
    await new Promise(() => undefined);
  }
  return createClient(Watch, ground.link)
    .watch(requests(), signal === undefined ? {} : { signal })
    [Symbol.asyncIterator]();
}

async function* never(): AsyncGenerator<{ readonly ID: bigint }> {
  await new Promise(() => undefined);
}
