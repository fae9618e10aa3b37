import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";
import { expectServerWatchers } from "./server-watchers.js";
import { usedBytes } from "./used-bytes.js";

// What is measured is this side. In a file of its own, so that nothing that earlier cases left is freed meanwhile.
describeNewestEtcd("watches", (etcd) => {
  const shared = etcd.shared();

  it("are many on one stream: ten thousand take little memory each, and are back soon after a cut", async () => {
    const count = 10_000;
    await using link = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using connection = shared.connect({ endpoints: link.endpoint });
    await using watcher = createWatcher(connection);
    const prefix = uniqueKey("many");
    await watcher.watch(`${prefix}first`).created;
    const before = usedBytes();
    const started = performance.now();
    const watches = Array.from({ length: count }, (_, i) => watcher.watch(`${prefix}${i}`));
    for (const watch of watches) await watch.created;
    const createdMs = performance.now() - started;
    const each = (usedBytes() - before) / count;
    expect(link.connections()).toBe(1);

    link.cut();
    const cutAt = performance.now();
    await expectServerWatchers(shared.endpoints[0] ?? "", count + 1);
    const observer = new Observer(watches.at(-1) ?? watcher.watch(prefix));
    await createKv(direct).put(`${prefix}${count - 1}`, "");
    await observer.count(1);
    const resumedMs = performance.now() - cutAt;
    console.info(
      `${count} idle watches on one stream: ${Math.round(each)} bytes each; created in ${Math.round(createdMs)} ms, ` +
        `back ${Math.round(resumedMs)} ms after a cut`,
    );
    expect(each).toBeLessThanOrEqual(1_024);
    // About what it took to create them.
    expect(resumedMs).toBeLessThan(3 * createdMs + 5_000);
  }, 120_000);
});
