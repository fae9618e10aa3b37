import { createClient } from "@connectrpc/connect";
import { KV } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { openGrpcTransport } from "../grpc-transport.js";
import { startMockServers } from "./mock-servers.js";

// client/v3/mock/mockserver
describe("mock servers", () => {
  it.each([false, true])("stop and start one by one at their places (unix sockets: %s)", async (unix) => {
    await using mock = await startMockServers(3, { unix });
    expect(new Set(mock.endpoints).size).toBe(3);
    const asked = async () => {
      const answers = mock.endpoints.map(async (endpoint) => {
        await using grpc = openGrpcTransport(endpoint);
        return (await createClient(KV, grpc.transport).range({})).header?.memberId;
      });
      return (await Promise.allSettled(answers)).map((end) =>
        end.status === "fulfilled" ? end.value : end.status,
      );
    };
    expect(await asked()).toEqual([1n, 2n, 3n]);
    await mock.stop(1);
    expect(await asked()).toEqual([1n, "rejected", 3n]);
    await mock.start(1);
    expect(await asked()).toEqual([1n, 2n, 3n]);
    await mock.close();
    expect(await asked()).toEqual(["rejected", "rejected", "rejected"]);
  });

  it("refuse a count or an index that makes no sense", async () => {
    await expect(startMockServers(0)).rejects.toThrow(/^count:/);
    await using mock = await startMockServers(1);
    await expect(mock.stop(1)).rejects.toThrow(/^index:/);
  });
});
