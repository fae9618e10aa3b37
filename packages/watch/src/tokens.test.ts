import { EtcdError } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

const expired = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";
const denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
const answer = { header: { clusterId: 1n, revision: 5n } };

describe("a watch that is refused for the token of its stream", () => {
  it.each([
    expired,
    "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
    "rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
    denied,
  ])("is opened again with another one, and the others resume: %s", async (reason) => {
    const etcd = new FakeEtcd();
    etcd.range = () => answer;
    const watcher = createWatcher(etcd);
    const first = watcher.watch("a");
    const second = watcher.watch({ prefix: "b" });
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    await stream.create();
    stream.refuse(reason);
    const next = await etcd.stream();
    expect(stream.left).toBe(true);
    // By a read with the same permission, which the connection repeats with a fresh token if it needs one.
    expect(etcd.ranges).toMatchObject([
      { rangeEnd: new TextEncoder().encode("c"), limit: 1n, keysOnly: true },
    ]);
    const starts = [await next.accept(0, 8), await next.accept(1, 8)].map((one) => one.startRevision);
    expect(starts.sort()).toEqual([0n, 6n]);
    await Promise.all([first.created, second.created]);
  });

  it.each([
    [expired, "INVALID_AUTH_TOKEN", 6],
    [denied, "PERMISSION_DENIED", 2],
  ])("ends when it is refused again and again: %s", async (reason, code, refusals) => {
    const etcd = new FakeEtcd();
    etcd.range = () => answer;
    const watch = createWatcher(etcd).watch("a");
    for (let i = 0; i < refusals; i++) {
      const stream = await etcd.stream();
      await stream.create();
      stream.refuse(reason);
    }
    await expect(reader(watch).next()).rejects.toMatchObject({ code });
    expect(etcd.opened).toBe(refusals);
  });

  it("ends alone with what the read is refused with, and leaves the stream as it is", async () => {
    const etcd = new FakeEtcd();
    const refusal = new EtcdError("PERMISSION_DENIED", "no");
    etcd.range = () => {
      throw refusal;
    };
    const watcher = createWatcher(etcd);
    const first = watcher.watch("a");
    const second = watcher.watch("b");
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    await stream.create();
    stream.refuse(denied);
    await expect(reader(second).next()).rejects.toBe(refusal);
    stream.events(0, [6]);
    expect(revisionsOf(await reader(first).next())).toEqual([6]);
    expect(etcd.opened).toBe(1);
  });

  it("opens one more stream, however many watches are refused", async () => {
    const etcd = new FakeEtcd();
    etcd.range = () => answer;
    const watcher = createWatcher(etcd);
    const watches = ["a", "b", "c"].map((key) => watcher.watch(key));
    const stream = await etcd.stream();
    for (let i = 0; i < 3; i++) stream.refuse(expired);
    const next = await etcd.stream();
    for (let id = 0; id < 3; id++) await next.accept(id, 5);
    await Promise.all(watches.map((watch) => watch.created));
    expect(etcd.opened).toBe(2);
  });

  it("may be refused again another time", async () => {
    const etcd = new FakeEtcd();
    etcd.range = () => answer;
    const watch = createWatcher(etcd).watch("a");
    let stream = await etcd.stream();
    for (let round = 0; round < 3; round++) {
      await stream.create();
      stream.refuse(expired);
      stream = await etcd.stream();
      await stream.accept(0, 5);
      stream.cut();
      stream = await etcd.stream();
    }
    await stream.accept(0, 5);
    expect(await watch.created).toEqual({ revision: 5n });
  });

  it("is cancelled by the server with that reason, and comes back", async () => {
    const etcd = new FakeEtcd();
    etcd.range = () => answer;
    const watch = createWatcher(etcd).watch("a");
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    stream.events(0, [6]);
    stream.send({ header: stream.header(6), watchId: 0n, canceled: true, cancelReason: expired });
    const next = await etcd.stream();
    expect((await next.accept(0, 8)).startRevision).toBe(7n);
    next.events(0, [7]);
    const batches = reader(watch);
    expect(revisionsOf(await batches.next())).toEqual([6]);
    expect(revisionsOf(await batches.next())).toEqual([7]);
  });
});
