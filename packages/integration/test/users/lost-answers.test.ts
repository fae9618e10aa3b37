import { createAuth } from "@etcdkit/auth";
import { createCluster } from "@etcdkit/cluster";
import type { Connection } from "@etcdkit/core";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";

// The newest version only: whether a call is repeated is decided by the client.
describeNewestEtcd("a change of users or members whose answer is lost", (etcd) => {
  // The cheapest password hash: the first sign of life of the server is no answer yet.
  const shared = etcd.shared({ args: ["--bcrypt-cost", "4"] });

  /** Makes a change over a link that breaks when the server has made it. */
  async function lose(change: (connection: Connection) => Promise<unknown>): Promise<void> {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    await connection.ready();
    const lost = bridge.dropAnswersThenCut({ quietMs: 1_500 });
    const { error } = await rejection(() => change(connection));
    await lost;
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown" });
  }

  // Repeated behind the caller's back, the first would find the user there and the second a role too few.
  it("is of unknown outcome, and made once", async () => {
    await lose((connection) => createAuth(connection).users.add("ann", { password: "x" }));
    await lose((connection) => createAuth(connection).roles.add("reader"));
    await lose((connection) => createAuth(connection).users.grantRole("ann", "reader"));
    await lose((connection) => createAuth(connection).users.revokeRole("ann", "reader"));
    await lose((connection) => createCluster(connection).add("http://127.0.0.1:1234", { learner: true }));
    await using connection = shared.connect();
    const { users, roles } = createAuth(connection);
    await expect(users.get("ann")).resolves.toMatchObject({ roles: [] });
    await expect(roles.list()).resolves.toMatchObject({ roles: ["reader"] });
    await expect(createCluster(connection).list({ serializable: true })).resolves.toMatchObject({
      members: expect.arrayContaining([expect.objectContaining({ isLearner: true })]),
    });
  });

  it("is nothing that a read has to fear: it is asked again", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const { users } = createAuth(connection);
    await users.add("bob", { noPassword: true });
    const lost = bridge.dropAnswersThenCut();
    await expect(users.get("bob")).resolves.toMatchObject({ roles: [] });
    await lost;
  });
});
