import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { promisify } from "node:util";
import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";

const run = promisify(execFile);
const openFilesOf = async ({ pid }: EtcdMember): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

/** Takes every file descriptor that a server may have, until it is disposed of. */
async function exhaust(member: EtcdMember): Promise<AsyncDisposable> {
  const { hostname: host, port } = new URL(member.endpoint);
  const ofMember = ["--pid", `${member.pid}`];
  const { stdout: before } = await run("prlimit", [...ofMember, "--nofile", "--noheadings", "-o", "SOFT"]);
  const limit = (await openFilesOf(member)) + 8;
  // The soft limit, which can be raised again.
  await run("prlimit", [...ofMember, `--nofile=${limit}:`]);
  // The kernel completes all of these, and the server can take a few.
  const sockets = Array.from({ length: 60 }, () => connect({ host, port: Number(port) }));
  for (const socket of sockets) socket.on("error", () => undefined);
  const relieve = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await run("prlimit", [...ofMember, `--nofile=${before.trim()}:`]);
  };
  try {
    await expect.poll(() => openFilesOf(member), { timeout: 15_000 }).toBeGreaterThanOrEqual(limit);
  } catch (error) {
    await relieve();
    throw error;
  }
  return { [Symbol.asyncDispose]: relieve };
}

// To accept no more is what Go does, and so every version.
describeNewestEtcd("F27 a member that has no file descriptors left", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  it("is passed over by a connection that is new, and used again when it has some", async () => {
    const [member] = shared.cluster.members;
    if (member === undefined) throw new Error("there is no member");
    await using connection = shared.connect({ dialTimeoutMs: 500 });
    const kv = createKv(connection);
    {
      await using _exhausted = await exhaust(member);
      for (let call = 0; call < 30; call++) {
        const startMs = performance.now();
        await kv.put("F27", `${call}`);
        await kv.get("F27");
        expect(performance.now() - startMs).toBeLessThan(5_000);
      }
      expect(connection.states().get(member.endpoint)).not.toBe("ready");
    }
    await expect.poll(() => connection.states().get(member.endpoint), { timeout: 30_000 }).toBe("ready");
  });

  it("goes on serving those that are connected, and says nothing to others, who are told that", async () => {
    const [member] = shared.cluster.members;
    if (member === undefined) throw new Error("there is no member");
    const endpoints = member.endpoint;
    await using connected = shared.connect({ endpoints });
    await connected.ready();
    await using late = shared.connect({ endpoints, dialTimeoutMs: 300 });
    {
      await using _exhausted = await exhaust(member);
      await createKv(connected).put("F27", "connected");
      const { error } = await rejection(() => createKv(late).put("F27", "late", { timeoutMs: 1_500 }));
      expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint: endpoints });
      expect(error.message).toContain("no connection within 300 ms");
    }
    await createKv(late).put("F27", "late", { timeoutMs: 40_000 });
  });
});
