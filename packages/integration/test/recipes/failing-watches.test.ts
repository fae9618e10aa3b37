import { openSession } from "@etcdkit/concurrency";
import type { Watcher } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import {
  createBarrier,
  createDoubleBarrier,
  createPriorityQueue,
  createQueue,
  createRwMutex,
} from "@etcdkit/recipes";
import { openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { addUser, authOf } from "../auth/users.js";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { participant, participantOn, settledOf, untilCount } from "./participants.js";

/** Root's store, but the watches of a user who may not read its keys: reading goes well, and watching fails. */
async function blindRoot(shared: SharedCluster) {
  const root = shared.connect();
  const key = uniqueKey("own");
  const name = `user-${key.replaceAll("/", "-")}`;
  await addUser(authOf(root), { name, password: "pw", key });
  const user = shared.connect({ credentials: { username: name, password: "pw" } });
  const watcher = createWatcher(user);
  return {
    kv: createKv(root),
    leases: createLeases(root),
    watcher,
    [Symbol.asyncDispose]: async () => {
      await user.close();
      await root.close();
    },
  };
}

// C-23: in Go a wait at a barrier then succeeds, and a dequeue crashes.
describeEachEtcd("a watch that is refused", (etcd) => {
  const shared = etcd.shared({ auth: "simple" });

  it("fails the wait at a barrier", async () => {
    await using services = await blindRoot(shared);
    const barrier = createBarrier(services, uniqueKey("barrier"));
    await barrier.hold();
    expect((await rejection(() => barrier.wait())).error.code).toBe("PERMISSION_DENIED");
  });

  it("fails the wait for an item of a queue", async () => {
    await using services = await blindRoot(shared);
    const queue = createQueue(services, uniqueKey("queue"));
    expect((await rejection(() => queue.dequeue())).error.code).toBe("PERMISSION_DENIED");
    const priorityQueue = createPriorityQueue(services, uniqueKey("queue"));
    expect((await rejection(() => priorityQueue.dequeue())).error.code).toBe("PERMISSION_DENIED");
  });

  it("fails the wait for others at a double barrier, and for a lock", async () => {
    await using services = await blindRoot(shared);
    const session = await openSession(services, { ttlSeconds: 20 });
    const name = uniqueKey("refused");
    const barrier = createDoubleBarrier(session, name, 2);
    expect((await rejection(() => barrier.enter())).error.code).toBe("PERMISSION_DENIED");

    await services.kv.put(`${name}/write/1`, "");
    const mutex = createRwMutex(session, name);
    expect((await rejection(() => mutex.readLock())).error.code).toBe("PERMISSION_DENIED");
    await untilCount(services, name, 1);
    await session.close();
  });
});

describeEachEtcd("a wait", (etcd) => {
  const shared = etcd.shared();

  /** A program behind a bridge, which is cut off while something happens; then it is back. */
  async function cutOff(
    program: { watching(count: number): Promise<void> },
    bridge: Bridge,
    act: () => Promise<unknown>,
  ) {
    await program.watching(1);
    await bridge.refuse();
    bridge.cut();
    await act();
    await bridge.pass();
  }
  type Bridge = Awaited<ReturnType<typeof openBridge>>;

  it.concurrent("at a barrier that is released while the link is cut ends when the link is back", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using waiter = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await using direct = participant(shared);
    const key = uniqueKey("barrier");
    const barrier = createBarrier(direct, key);
    await barrier.hold();
    const waiting = createBarrier(waiter, key).wait();
    await cutOff(waiter, bridge, () => barrier.release());
    await waiting;
  });

  // One after the other: a compaction is the whole cluster's.
  it("at a barrier looks again when history was compacted, and does not take that for a release", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using waiter = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await using direct = participant(shared);
    const key = uniqueKey("barrier");
    const barrier = createBarrier(direct, key);
    await barrier.hold();
    const waiting = createBarrier(waiter, key).wait();
    const passed = settledOf([waiting]);
    await cutOff(waiter, bridge, async () => {
      await direct.kv.put(`${key}/other`, ""); // where the watch would go on
      const { header } = await direct.kv.put(`${key}/other`, "");
      await direct.kv.compact(header.revision);
    });
    await waiter.watching(2);
    expect(passed()).toBe(0);
    await barrier.release();
    await waiting;
  });

  it("for an item of a queue finds what came while the link was cut and history was compacted", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using reader = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await using direct = participant(shared);
    const prefix = uniqueKey("queue");
    const waiting = createQueue(reader, prefix).dequeue();
    await cutOff(reader, bridge, async () => {
      const { revision } = await createQueue(direct, prefix).enqueue("while you were out");
      await direct.kv.put(`${prefix}other`, "");
      await direct.kv.compact(revision + 1n);
    });
    expect(Buffer.from(await waiting).toString()).toBe("while you were out");
  });

  it.concurrent("ends with an error when the watcher is closed", async () => {
    await using program = participant(shared);
    const barrier = createBarrier(program, uniqueKey("barrier"));
    await barrier.hold();
    const waits = [
      rejection(() => barrier.wait()),
      rejection(() => createQueue(program, uniqueKey("queue")).dequeue()),
      rejection(() => createPriorityQueue(program, uniqueKey("queue")).dequeue()),
    ];
    await program.watching(3);
    const watcher: Watcher = program.watcher;
    await watcher.close();
    for (const { error } of await Promise.all(waits)) expect(error.code).toBe("CLOSED");
  });
});
