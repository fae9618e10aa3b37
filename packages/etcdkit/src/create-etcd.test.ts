import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import * as auth from "@etcdkit/auth";
import * as cluster from "@etcdkit/cluster";
import * as core from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import * as kv from "@etcdkit/kv";
import * as lease from "@etcdkit/lease";
import * as maintenance from "@etcdkit/maintenance";
import * as watch from "@etcdkit/watch";
import { describe, expect, it } from "vitest";
import * as etcdkit from "./index.js";

const { createEtcd, utf8 } = etcdkit;

/** Options of a cluster that holds one key. */
function oneKey(): etcdkit.ConnectOptions {
  const transport = createRouterTransport(({ service }) => {
    service(KV, {
      range: ({ key }) => {
        if (key.length === 0) throw new ConnectError("etcdserver: key is not provided", Code.InvalidArgument);
        return { kvs: [{ key, value: new TextEncoder().encode("hello") }], count: 1n };
      },
    });
  });
  return { endpoints: "http://fake:2379", transport: () => transport };
}

describe("createEtcd", () => {
  it("makes services on one connection", async () => {
    const etcd = createEtcd(oneKey());
    const found = await etcd.kv.get("greeting");
    expect(found && utf8(found.value)).toBe("hello");
    expect(etcd.connection.endpoints()).toEqual(["http://fake:2379"]);
    await expect(etcd.kv.get("")).rejects.toMatchObject({ code: "EMPTY_KEY" });
    await etcd.close();
  });

  it("closes the connection, once, by close or at the end of its scope", async () => {
    for (const end of ["close", Symbol.asyncDispose] as const) {
      const etcd = createEtcd(oneKey());
      await etcd[end]();
      await etcd.close();
      expect(etcd.connection.signal.aborted).toBe(true);
      expect(etcd.leases.keepAlive(1n).signal.aborted).toBe(true);
      await expect(etcd.kv.get("greeting")).rejects.toMatchObject({ code: "CLOSED" });
    }
  });

  it("refuses bad options at once", () => {
    expect(() => createEtcd({ endpoints: [] })).toThrow(TypeError);
  });
});

describe("etcdkit", () => {
  it("hands on everything of the packages that it bundles", () => {
    for (const [name, value] of Object.entries({
      ...auth,
      ...cluster,
      ...core,
      ...kv,
      ...lease,
      ...maintenance,
      ...watch,
    })) {
      expect([name, (etcdkit as Readonly<Record<string, unknown>>)[name]]).toEqual([name, value]);
    }
  });
});
