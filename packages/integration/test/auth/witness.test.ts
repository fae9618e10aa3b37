import { connect } from "@etcdkit/core";
import type { EtcdCluster } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { secretValue, Witness } from "./witness.js";

// The other files rely on it: what it would not notice, they do not show.
describe("a witness", () => {
  it.each([
    ["in a message", new Error(`could not write ${secretValue}`)],
    ["in a cause", new Error("failed", { cause: { request: { value: secretValue } } })],
    [
      "in a property that does not show by itself",
      Object.defineProperty(new Error("failed"), "value", { value: secretValue }),
    ],
  ])("notices a secret %s", async (_, error) => {
    const witness = new Witness();
    await witness.failureOf(Promise.reject(error));
    expect(() => witness.expectSecretsKept()).toThrow();
  });

  it("notices a password that was given to a connection", async () => {
    const witness = new Witness();
    const cluster: Pick<EtcdCluster, "endpoints" | "auth" | "tls"> = { endpoints: ["http://127.0.0.1:1"] };
    const credentials = { username: "root", password: "canary-password-0001" };
    await using connection = witness.connect(cluster as EtcdCluster, { credentials });
    expect(connection.endpoints()).toEqual(cluster.endpoints);
    await witness.failureOf(Promise.reject(new Error(`${credentials.username}:${credentials.password}`)));
    expect(() => witness.expectSecretsKept()).toThrow();
  });

  it("has nothing against errors that keep them", async () => {
    const witness = new Witness();
    await using connection = connect({ endpoints: "http://127.0.0.1:1" });
    await witness.failureOf(connection.ready({ timeoutMs: 50 }));
    expect(() => witness.expectSecretsKept()).not.toThrow();
  });
});
