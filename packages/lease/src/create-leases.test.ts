import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { connect, isKeepAliveHalted, type Leases } from "@etcdkit/core";
import {
  Lease,
  LeaseGrantResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveResponseSchema,
} from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createLeases } from "./create-leases.js";

const header = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
const inHeader = expect.objectContaining(header);
const noHeader = expect.objectContaining({ clusterId: 0n, revision: 0n });

interface Fake {
  readonly leases: Leases;
  /** What the server was sent: method and request. */
  readonly sent: readonly (readonly [string, unknown])[];
}

/** A server that answers as told; without an answer, with one that holds no more than a header. */
function fake(answers: Partial<ServiceImpl<typeof Lease>> = {}): Fake {
  const sent: [string, unknown][] = [];
  const transport = createRouterTransport(
    ({ service }) => {
      service(Lease, {
        leaseGrant: ({ ID, TTL }) => create(LeaseGrantResponseSchema, { header, ID, TTL }),
        leaseRevoke: () => create(LeaseRevokeResponseSchema, { header }),
        leaseTimeToLive: ({ ID }) => create(LeaseTimeToLiveResponseSchema, { header, ID, TTL: -1n }),
        leaseLeases: () => create(LeaseLeasesResponseSchema, { header }),
        ...answers,
      });
    },
    {
      router: {
        interceptors: [
          (next) => async (request) => {
            if (!request.stream) sent.push([request.method.name, request.message]);
            return await next(request);
          },
        ],
      },
    },
  );
  const connection = connect({ endpoints: "http://fake:2379", transport: () => transport });
  return { leases: createLeases(connection), sent };
}

function status(text: string, code: Code): ConnectError {
  return new ConnectError(text, code, { "grpc-status": `${code}` });
}

const exists = (): never => {
  throw status("etcdserver: lease already exists", Code.FailedPrecondition);
};
const notFound = (): never => {
  throw status("etcdserver: requested lease not found", Code.NotFound);
};
const lost = (): ConnectError => new ConnectError("the link broke", Code.Unavailable);

describe("grant", () => {
  it("asks for a time to live and tells what was granted", async () => {
    const { leases, sent } = fake({
      leaseGrant: () => create(LeaseGrantResponseSchema, { header, ID: 7n, TTL: 2n }),
    });
    expect(await leases.grant(1)).toEqual({ header: inHeader, id: 7n, ttlSeconds: 2 });
    expect(sent).toMatchObject([["LeaseGrant", { TTL: 1n, ID: 0n }]]);
  });

  it("takes ids of 64 bits, negative ones too", async () => {
    const { leases } = fake();
    for (const id of [-(2n ** 63n), -1n, 2n ** 63n - 1n]) {
      expect(await leases.grant(9_000_000_000, { id })).toMatchObject({ id, ttlSeconds: 9_000_000_000 });
    }
  });

  it.each([0, -1, 1.5, 9_000_000_001, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuses a time to live of %s seconds and sends nothing",
    async (ttlSeconds) => {
      const { leases, sent } = fake();
      await expect(leases.grant(ttlSeconds)).rejects.toThrow(
        new RangeError("ttlSeconds must be a whole number of seconds from 1 to 9000000000"),
      );
      expect(sent).toEqual([]);
    },
  );

  it("is repeated with an id of the caller's, and finds the lease that an earlier attempt made", async () => {
    let attempts = 0;
    const { leases } = fake({
      leaseGrant: () => {
        attempts += 1;
        if (attempts === 1) throw lost();
        return exists();
      },
      leaseTimeToLive: ({ ID }) =>
        create(LeaseTimeToLiveResponseSchema, { header, ID, TTL: 9n, grantedTTL: 10n }),
    });
    expect(await leases.grant(10, { id: 5n })).toEqual({ header: inHeader, id: 5n, ttlSeconds: 10 });
    expect(attempts).toBe(2);
  });

  it("is refused when the id is taken by somebody else", async () => {
    const { leases, sent } = fake({ leaseGrant: exists });
    await expect(leases.grant(10, { id: 5n })).rejects.toMatchObject({
      code: "LEASE_EXIST",
      outcome: "not-applied",
    });
    expect(sent).toHaveLength(1);
  });

  it("stays open when the repeated one finds the lease taken, and then gone", async () => {
    let attempts = 0;
    const { leases } = fake({
      leaseGrant: () => {
        attempts += 1;
        if (attempts === 1) throw lost();
        return exists();
      },
    });
    await expect(leases.grant(10, { id: 5n })).rejects.toMatchObject({
      code: "LEASE_EXIST",
      outcome: "unknown",
    });
  });

  it("is not repeated without an id", async () => {
    const { leases, sent } = fake({
      leaseGrant: () => {
        throw lost();
      },
    });
    await expect(leases.grant(10)).rejects.toMatchObject({ code: "UNAVAILABLE", outcome: "unknown" });
    expect(sent).toHaveLength(1);
  });

  it("rejects when the server puts an error into its answer", async () => {
    const { leases } = fake({
      leaseGrant: () => create(LeaseGrantResponseSchema, { error: "no more leases" }),
    });
    await expect(leases.grant(10)).rejects.toMatchObject({ code: "UNKNOWN", message: "no more leases" });
  });
});

describe("revoke", () => {
  it("ends a lease, and halts its keep-alives before the request leaves", async () => {
    const order: string[] = [];
    const { leases } = fake({
      leaseRevoke: () => {
        order.push("request");
        return create(LeaseRevokeResponseSchema, { header });
      },
    });
    const keepAlive = leases.keepAlive(7n);
    keepAlive.signal.addEventListener("abort", () => order.push("abort"));
    expect(await leases.revoke(7n)).toEqual({ header: inHeader });
    expect(order).toEqual(["abort", "request"]);
    expect(isKeepAliveHalted(keepAlive.signal.reason, "revoked")).toBe(true);
  });

  it("leaves a lease alone when it is aborted before it begins", async () => {
    const { leases, sent } = fake();
    const keepAlive = leases.keepAlive(7n);
    const reason = new Error("no");
    await expect(leases.revoke(7n, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([keepAlive.signal.aborted, sent.length]).toEqual([false, 0]);
    await leases.close();
  });

  it("reports a lease that is not there; declared idempotent, it takes that of a repetition for success", async () => {
    let attempts = 0;
    const { leases } = fake({
      leaseRevoke: () => {
        attempts += 1;
        if (attempts === 1) throw lost();
        return notFound();
      },
    });
    expect(await leases.revoke(7n, { idempotent: true })).toEqual({ header: noHeader });
    expect(attempts).toBe(2);
    await expect(leases.revoke(7n)).rejects.toMatchObject({
      code: "LEASE_NOT_FOUND",
      outcome: "not-applied",
    });
    await expect(leases.revoke(7n, { idempotent: true })).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
  });
});

describe("timeToLive", () => {
  it("tells what is left, what was granted, and the keys if asked", async () => {
    const keys = [Uint8Array.of(1), Uint8Array.of(2)];
    const { leases, sent } = fake({
      leaseTimeToLive: ({ ID, keys: wanted }) =>
        create(LeaseTimeToLiveResponseSchema, {
          header,
          ID,
          TTL: 0n,
          grantedTTL: 10n,
          keys: wanted ? keys : [],
        }),
    });
    const result = { header: inHeader, id: 7n, ttlSeconds: 0, grantedTtlSeconds: 10 };
    expect(await leases.timeToLive(7n)).toEqual({ ...result, keys: [] });
    expect(await leases.timeToLive(7n, { keys: true })).toEqual({ ...result, keys });
    expect(sent.map(([, request]) => request)).toMatchObject([{ keys: false }, { keys: true }]);
  });

  it("is undefined for a lease that the server does not know", async () => {
    expect(await fake().leases.timeToLive(7n)).toBeUndefined();
  });
});

describe("list", () => {
  it("tells all ids in the server's order", async () => {
    const { leases } = fake({
      leaseLeases: () =>
        create(LeaseLeasesResponseSchema, { header, leases: [{ ID: 9n }, { ID: -2n }, { ID: 5n }] }),
    });
    expect(await leases.list()).toEqual({ header: inHeader, ids: [9n, -2n, 5n] });
    expect(await fake().leases.list()).toEqual({ header: inHeader, ids: [] });
  });
});

describe("keepAliveOnce", () => {
  it("renews a lease by one request", async () => {
    const ids: bigint[] = [];
    const { leases } = fake({
      async *leaseKeepAlive(requests) {
        for await (const { ID } of requests) {
          ids.push(ID);
          yield { header, ID, TTL: 10n };
        }
      },
    });
    expect(await leases.keepAliveOnce(7n)).toEqual({ header: inHeader, id: 7n, ttlSeconds: 10 });
    expect(ids).toEqual([7n]);
  });

  it("rejects for a lease that the server does not know", async () => {
    const { leases } = fake({
      async *leaseKeepAlive() {
        yield { header, ID: 7n, TTL: 0n };
      },
    });
    await expect(leases.keepAliveOnce(7n)).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
  });

  it("tries again while no member can do it, and once more when it may have been the token", async () => {
    const refusals = [
      status("etcdserver: no leader", Code.Unavailable),
      undefined,
      status("etcdserver: permission denied", Code.PermissionDenied),
      status("etcdserver: leader changed", Code.Unavailable),
    ];
    const { leases } = fake({
      // biome-ignore lint/correctness/useYield: it ends, or fails, without a word
      async *leaseKeepAlive() {
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        if (refusals.length > 0) return;
        throw status("etcdserver: permission denied", Code.PermissionDenied);
      },
    });
    await expect(leases.keepAliveOnce(7n)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(refusals).toEqual([]);
  });

  it("rejects with DEADLINE and the last failure when time is up, and with the caller's reason when aborted", async () => {
    const { leases } = fake({
      // biome-ignore lint/correctness/useYield: it fails
      async *leaseKeepAlive() {
        throw status("etcdserver: no leader", Code.Unavailable);
      },
    });
    await expect(leases.keepAliveOnce(7n, { timeoutMs: 30 })).rejects.toMatchObject({
      code: "DEADLINE",
      cause: { code: "NO_LEADER" },
    });
    const aborter = new AbortController();
    const call = leases.keepAliveOnce(7n, { signal: aborter.signal });
    setImmediate(() => aborter.abort("enough"));
    await expect(call).rejects.toBe("enough");
  });
});

describe("bad arguments", () => {
  const { leases, sent } = fake();
  const byId = {
    revoke: (id: unknown) => leases.revoke(id as bigint),
    timeToLive: (id: unknown) => leases.timeToLive(id as bigint),
    keepAliveOnce: (id: unknown) => leases.keepAliveOnce(id as bigint),
    keepAlive: async (id: unknown) => leases.keepAlive(id as bigint),
  };

  it.each(Object.entries(byId))("%s refuses what is no id, and 0n, which is none", async (_, method) => {
    await expect(method(7)).rejects.toThrow(new TypeError("id must be a bigint"));
    await expect(method(undefined)).rejects.toThrow(TypeError);
    await expect(method(2n ** 63n)).rejects.toThrow(new RangeError("id must fit in 64 bits"));
    await expect(method(0n)).rejects.toThrow(RangeError);
    expect(sent).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ["grant", () => leases.grant(1, { ttl: 1 } as object)],
    ["revoke", () => leases.revoke(1n, { force: true } as object)],
    ["timeToLive", () => leases.timeToLive(1n, { keys: "yes" } as object)],
    ["list", () => leases.list({ limit: 1 } as object)],
    ["keepAliveOnce", () => leases.keepAliveOnce(1n, { signal: 1 } as object)],
    ["keepAlive", async () => leases.keepAlive(1n, { timeoutMs: 1 } as object)],
    ["createLeases", async () => createLeases({ transport: {} } as never, { clock: 1 } as object)],
  ])("%s refuses options that it does not know or cannot use", async (_, call) => {
    await expect(call()).rejects.toThrow(TypeError);
  });

  it("in the place of a time to live are told by their type", async () => {
    await expect(leases.grant("10" as never)).rejects.toThrow(new TypeError("ttlSeconds must be a number"));
  });
});
