import { type Kv, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { etcdctls, startEtcdctl } from "../support/etcdctl.js";
import { uniqueKey } from "../support/unique-key.js";
import { pairsOf, RunningMirror } from "./ground.js";

describeEachEtcd("etcdctl make-mirror and a mirror", (etcd) => {
  const from = etcd.shared();
  const tool = etcdctls.find(({ version }) => version === etcd.version) ?? etcdctls[0];

  // e2e/ctl_v3_make_mirror_test.go:TestCtlV3MakeMirror, TestCtlV3MakeMirrorModifyDestPrefix,
  // TestCtlV3MakeMirrorNoDestPrefix
  it.each([
    ["the same prefix", undefined],
    ["another prefix", "copies/of/"],
    ["no prefix", ""],
  ])("make the same of one source: to %s", async (_, moved) => {
    if (tool === undefined) throw new Error("no etcdctl was found beside any etcd server");
    await using source = from.connect();
    // Of their own, since mirrors to no prefix want all of a cluster.
    await using toTheirs = await etcd.start();
    await using toOurs = await etcd.start();
    await using theirs = connectTo(toTheirs);
    await using ours = connectTo(toOurs);
    await using watcher = createWatcher(source);
    const kv = createKv(source);
    const prefix = uniqueKey("make-mirror");
    const destinationPrefix = moved === "copies/of/" ? `${moved}${prefix}` : (moved ?? prefix);
    for (const key of ["a", "b", prefix]) await kv.put(`${prefix}${key}`, "before");

    const move = moved === "" ? ["--no-dest-prefix"] : ["--dest-prefix", destinationPrefix];
    const [to = ""] = toTheirs.endpoints;
    const args = ["make-mirror", "--prefix", prefix, ...move, to.replace("http://", "")];
    await using child = startEtcdctl(tool, from.endpoints, args);
    const checkpointKey = uniqueKey("checkpoint");
    const options = { prefix, destinationPrefix, checkpointKey };
    await using running = new RunningMirror({
      source: { kv, watcher },
      destination: { kv: createKv(ours) },
      options,
    });
    const last = await write(kv, prefix);
    await running.reached(last);

    const expected = await pairsOf(kv, prefix);
    const found = async (copy: Kv): Promise<Record<string, string>> => {
      const { [checkpointKey]: place, ...pairs } = await pairsOf(copy, destinationPrefix);
      return pairs;
    };
    expect(await found(createKv(ours))).toEqual(expected);
    await expect
      .poll(async () => child.failure ?? (await found(createKv(theirs))), { timeout: 20_000 })
      .toEqual(expected);

    // Ours can go on where theirs was, and finds nothing to do.
    const taking = { ...options, deleteExtra: true };
    await using after = new RunningMirror({
      source: { kv, watcher },
      destination: { kv: createKv(theirs) },
      options: taking,
    });
    await after.until((progress) => progress.kind === "base" && progress.done);
    expect(after.progress.at(-1)).toMatchObject({ totals: { puts: 0, deletes: 0 } });
  });
});

/** Writes, deletes and writes over, also several keys at once; returns the last revision. */
async function write(kv: Kv, prefix: string): Promise<bigint> {
  for (let i = 0; i < 50; i++) {
    const key = (n: number): string => `${prefix}${n % 13}`;
    if (i % 3 === 0) await kv.txn({ success: [op.put(key(i), `${i}`), op.delete(key(i + 5))] });
    else if (i % 7 === 0) await kv.delete(key(i));
    else await kv.put(key(i), `${i}`);
  }
  return (await kv.put(`${prefix}last`, "")).header.revision;
}
