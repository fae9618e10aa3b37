import { create, type DescMessage } from "@bufbuild/protobuf";
import type { Connection, ResponseHeader } from "@etcdkit/core";
import { EtcdError } from "@etcdkit/core";
import { ResponseHeaderSchema } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createElectionService } from "./election-service.js";
import { createLockService } from "./lock-service.js";

type Transport = Connection["transport"];

/** What a call was made with. */
interface Sent {
  readonly method: string;
  readonly timeoutMs: number | undefined;
  readonly request: unknown;
}

/** A connection on which every call is answered by an empty message, or by a failure. */
function answering(failure?: EtcdError) {
  const sent: Sent[] = [];
  const unary = async (
    method: { readonly name: string; readonly output: DescMessage },
    _signal: unknown,
    timeoutMs: number | undefined,
    _headers: unknown,
    request: unknown,
  ) => {
    sent.push({ method: method.name, timeoutMs, request });
    if (failure !== undefined) throw failure;
    return { message: create(method.output) };
  };
  return { sent, connection: { transport: { unary } as unknown as Transport } };
}

const noHeader: ResponseHeader = create(ResponseHeaderSchema);
const leader = {
  name: new Uint8Array([1]),
  key: new Uint8Array([2]),
  createRevision: 3n,
  leaseId: -4n,
};

describe("createLockService", () => {
  it("waits for a lock without a limit, and for a release as long as other calls", async () => {
    const { sent, connection } = answering();
    const service = createLockService(connection);
    expect(await service.lock("n", { leaseId: 7n })).toEqual({ header: noHeader, key: new Uint8Array() });
    await service.lock("n", { timeoutMs: 5 });
    expect(await service.unlock("n/7")).toEqual({ header: noHeader });
    expect(sent).toMatchObject([
      { method: "Lock", timeoutMs: Number.POSITIVE_INFINITY, request: { lease: 7n } },
      { method: "Lock", timeoutMs: 5, request: { lease: 0n } },
      { method: "Unlock", timeoutMs: undefined },
    ]);
  });

  it("refuses bad arguments before anything is sent", async () => {
    const { sent, connection } = answering();
    const service = createLockService(connection);
    for (const none of [undefined, null, {}]) {
      expect(() => createLockService(none as never)).toThrow(/^connection must be a Connection/);
    }
    await expect(service.lock(1 as never)).rejects.toThrow(TypeError);
    await expect(service.lock("")).rejects.toThrow(/^name must not be empty/);
    await expect(service.lock("n", { leaseId: 0n })).rejects.toThrow(RangeError);
    await expect(service.lock("n", { ttl: 1 } as never)).rejects.toThrow(TypeError);
    await expect(service.unlock(1 as never)).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });
});

describe("createElectionService", () => {
  it("names a leadership as the server did", async () => {
    const { sent, connection } = answering();
    const service = createElectionService(connection);
    await service.proclaim(leader, "v");
    await service.resign(leader);
    const { name, key, createRevision: rev, leaseId: lease } = leader;
    expect(sent).toMatchObject([
      { method: "Proclaim", request: { leader: { name, key, rev, lease } } },
      { method: "Resign", request: { leader: { name, key, rev, lease } } },
    ]);
  });

  it("has no leader where the server says so", async () => {
    const none = answering(new EtcdError("ELECTION_NO_LEADER", "election: no leader"));
    expect(await createElectionService(none.connection).leader("n")).toBeUndefined();
    const failure = new EtcdError("UNAVAILABLE", "no");
    await expect(createElectionService(answering(failure).connection).leader("n")).rejects.toBe(failure);
  });

  it("takes an answer without a leader for none of etcd's", async () => {
    const service = createElectionService(answering().connection);
    await expect(service.leader("n")).rejects.toMatchObject({ code: "PROTOCOL" });
    await expect(service.campaign("n", "v")).rejects.toMatchObject({ code: "PROTOCOL" });
  });

  it("refuses bad arguments before anything is sent", async () => {
    const { sent, connection } = answering();
    const service = createElectionService(connection);
    for (const none of [undefined, null, {}]) {
      expect(() => createElectionService(none as never)).toThrow(/^connection must be a Connection/);
    }
    await expect(service.campaign("", "v")).rejects.toThrow(/^name must not be empty/);
    await expect(service.campaign("n", 1 as never)).rejects.toThrow(TypeError);
    await expect(service.campaign("n", "v", { leaseId: 0n })).rejects.toThrow(RangeError);
    await expect(service.proclaim({ ...leader, createRevision: 0n }, "v")).rejects.toThrow(RangeError);
    await expect(service.resign({ ...leader, leaseId: 1 as never })).rejects.toThrow(TypeError);
    await expect(service.leader("n", { wait: true } as never)).rejects.toThrow(TypeError);
    expect(() => service.observe(1 as never)).toThrow(TypeError);
    expect(sent).toEqual([]);
  });
});
