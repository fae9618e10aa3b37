import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const size = 200_000;

describeEachEtcd("a connection that compresses its requests", (etcd) => {
  const shared = etcd.shared();

  const title = etcd.has("gzip")
    ? "sends a value in a tenth of its size, and reads it back whole"
    : "is refused with UNIMPLEMENTED, and nothing is applied";
  it(title, async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint, compression: "gzip" });
    await using plain = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    const value = new Uint8Array(size).fill(97);
    if (etcd.has("gzip")) {
      await kv.put(key, value);
      expect(Buffer.compare((await createKv(plain).get(key))?.value ?? new Uint8Array(), value)).toBe(0);
      expect(Buffer.compare((await kv.get(key))?.value ?? new Uint8Array(), value)).toBe(0);
    } else {
      const { error } = await rejection(() => kv.put(key, value));
      expect(error).toMatchObject({ code: "UNIMPLEMENTED", outcome: "not-applied" });
      expect(await createKv(plain).get(key)).toBeUndefined();
    }
    expect(bridge.forwarded("toServer")).toBeGreaterThan(0);
    expect(bridge.forwarded("toServer")).toBeLessThan(size / 10);
  });
});
