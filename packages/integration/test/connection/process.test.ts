import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { runProgram } from "../support/child.js";
import { describeNewestEtcd } from "../support/newest.js";

// On the newest server only: what a process waits for is the client's doing.
describeNewestEtcd("a process with a connection", (etcd) => {
  const shared = etcd.shared();

  it("ends by itself when nothing is under way, though the connection is open", async () => {
    const end = await runProgram(new URL("./programs/idle.mjs", import.meta.url), [shared.endpoints.join()]);
    expect(end.errors).toBe("");
    expect(end.output).toBe("read 1\ndone\n");
    expect(end.exitCode).toBe(0);
    expect(end.lingeredMs).toBeLessThan(1_000);
  });

  // client_test.go:TestDialCancel
  it("has nothing left of it after close(), in whatever state it was", async () => {
    await using silent = await openBridge(shared.endpoints[0] ?? "");
    await silent.stall();
    const args = [shared.endpoints.join(), silent.endpoint];
    const end = await runProgram(new URL("./programs/closed.mjs", import.meta.url), args);
    expect(end.errors).toBe("");
    expect(end.exitCode).toBe(0);
    const { before, left } = JSON.parse(end.output);
    expect(left).toEqual(before);
    expect(end.lingeredMs).toBeLessThan(1_000);
  });
});
