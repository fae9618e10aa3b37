import { clientApiVersion, connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { startScriptedServer } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { together } from "../support/together.js";

// The release before this client's own is the oldest that `rejectOldCluster` accepts.
const oldestAccepted = "3.6";

describeEachEtcd("rejectOldCluster", (etcd) => {
  const shared = etcd.shared({ members: 2 });

  // dial_test.go:TestRejectOldCluster
  if (etcd.atLeast(oldestAccepted)) {
    it(`accepts a server that a client of ${clientApiVersion} was made for`, async () => {
      await using connection = shared.connect({ rejectOldCluster: true });
      await connection.ready();
      await createKv(connection).get("any");
    });
  } else {
    it(`refuses a server that is too old for a client of ${clientApiVersion}, for every call`, async () => {
      await using connection = shared.connect({ rejectOldCluster: true });
      const { error } = await rejection(() => connection.ready());
      expect(error.code).toBe("OLD_CLUSTER");
      expect(error.message).toContain(etcd.version);
      expect(error.message).toContain(oldestAccepted);
      expect(shared.endpoints).toContain(error.endpoint);
      expect((await rejection(() => createKv(connection).put("any", "value"))).error).toMatchObject({
        code: "OLD_CLUSTER",
        outcome: "not-applied",
      });
    });
  }

  it("is off unless asked for", async () => {
    await using connection = shared.connect();
    await createKv(connection).get("any");
  });
});

describe("rejectOldCluster on members of several versions", () => {
  // client_test.go:TestClientRejectOldCluster
  it.each([
    { versions: ["3.7.1", "3.7.0"], accepted: true },
    { versions: ["3.7.1", "3.6.14"], accepted: true },
    { versions: ["3.5.33", "3.5.33"], accepted: false },
    { versions: ["3.4.0", "3.5.33"], accepted: false },
    { versions: ["3.7.1", "3.5.33"], accepted: false },
  ])("$versions: accepted $accepted", async ({ versions, accepted }) => {
    await using servers = await together(...versions.map((version) => startScriptedServer({ version })));
    await using connection = connect({
      endpoints: servers.all.map((server) => server.endpoint),
      rejectOldCluster: true,
    });
    if (accepted) await connection.ready();
    else expect((await rejection(() => connection.ready())).error.code).toBe("OLD_CLUSTER");
  });
});
