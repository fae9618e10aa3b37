import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";

// What is dialled is the client's doing: the server's version does not matter.
describeNewestEtcd("F29 a list of endpoints", (etcd) => {
  const shared = etcd.shared();

  it("that names one several times, in whatever spelling, makes one connection to it", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    const { endpoint, port } = bridge;
    const endpoints = [endpoint, endpoint, `127.0.0.1:${port}`, `${endpoint}/`];
    await using connection = shared.connect({ endpoints });
    const kv = createKv(connection);
    for (let call = 0; call < 10; call++) await kv.put("F29", `${call}`);
    expect(connection.endpoints()).toEqual([endpoint]);
    connection.setEndpoints([...endpoints, ...endpoints]);
    for (let call = 0; call < 10; call++) await kv.put("F29", `${call}`);
    expect(bridge.connections()).toBe(1);
  });

  it("that is empty, or has an empty place, is an error at once", async () => {
    for (const endpoints of [[], "", " ", [""], ["127.0.0.1:2379", ""]]) {
      expect(() => connect({ endpoints })).toThrow(/^endpoint/);
    }
    await using connection = shared.connect();
    expect(() => connection.setEndpoints([])).toThrow(/endpoint/);
    await createKv(connection).get("F29"); // by those that it had
  });
});
