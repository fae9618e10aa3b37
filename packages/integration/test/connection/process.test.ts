import { Code } from "@connectrpc/connect";
import { Auth, KV } from "@etcdkit/core/protocol";
import { openBridge, startScriptedServer } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { endsWithinMs, runProgram } from "../support/child.js";
import { describeNewestEtcd } from "../support/newest.js";

// On the newest server only: what a process waits for is the client's doing.
describeNewestEtcd("a process with a connection", (etcd) => {
  const shared = etcd.shared();
  const encrypted = etcd.shared({ tls: "server" });

  it("ends by itself when nothing is under way, though the connection is open", async () => {
    const end = await runProgram(new URL("./programs/idle.mjs", import.meta.url), [shared.endpoints.join()]);
    expect(end.errors).toBe("");
    expect(end.output).toBe("read 1\ndone\n");
    expect(end.exitCode).toBe(0);
    expect(end.lingeredMs).toBeLessThan(endsWithinMs);
  });

  // client_test.go:TestDialCancel
  it("has nothing left of it after close(), in whatever state it was", async () => {
    const [endpoint = ""] = shared.endpoints;
    await using silent = await openBridge(endpoint);
    await silent.stall();
    // The client's hello gets through, and no answer to it.
    await using secure = await openBridge(encrypted.endpoints[0] ?? "");
    await secure.blackhole("toClient");
    await using logIn = await startScriptedServer();
    logIn.on(Auth.method.authenticate, () => undefined);
    await using failing = await startScriptedServer();
    failing.on(KV.method.range, (call) => call.fail(Code.Unavailable, "etcdserver: leader changed"));
    const setting = {
      endpoint,
      silent: silent.endpoint,
      secure: secure.endpoint,
      ca: encrypted.cluster.tls?.ca,
      logIn: logIn.endpoint,
      failing: failing.endpoint,
    };
    const end = await runProgram(
      new URL("./programs/closed.mjs", import.meta.url),
      [JSON.stringify(setting)],
      (state) =>
        state === "log-in" ? logIn.called(1, Auth.method.authenticate) : secure.carried(1, "toServer"),
    );
    expect(end.errors).toBe("");
    expect(end.exitCode).toBe(0);
    const { before, left, ended } = JSON.parse(end.output);
    expect(left).toEqual(before);
    expect(ended).toEqual({
      dialling: "CLOSED",
      "TLS handshake": "CLOSED",
      "log-in": "CLOSED",
      calls: "CLOSED",
      "open stream": "CLOSED",
      "between attempts": "CLOSED",
    });
    // It was between the first and the second.
    expect(failing.callsOf(KV.method.range)).toHaveLength(1);
    expect(end.lingeredMs).toBeLessThan(endsWithinMs);
  });
});
