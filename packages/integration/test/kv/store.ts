import { createClient } from "@connectrpc/connect";
import { type Connection, type ConnectOptions, type KeyValue, type Kv, utf8 } from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { toBytes } from "@etcdkit/core/spi";
import { createKv } from "@etcdkit/kv";
import type { EtcdOptions } from "@etcdkit/testing";
import { afterAll, beforeAll } from "vitest";
import type { EtcdUnderTest, SharedCluster } from "../support/each-etcd.js";

/** A cluster that the cases of a describe block share, with one connection to it. */
export interface Store extends SharedCluster {
  readonly connection: Connection;
  readonly kv: Kv;
  /** Deletes every key: for cases that speak of the whole store. */
  clear(): Promise<void>;
  /** Grants a lease that outlives the case. */
  grantLease(): Promise<bigint>;
}

/** Plans a {@link Store}. To be called in a describe block and looked into from its cases. */
export function sharedStore(
  etcd: EtcdUnderTest,
  options: Omit<EtcdOptions, "version"> = {},
  connectOptions: Partial<ConnectOptions> = {},
): Store {
  const shared = etcd.shared(options);
  let opened: Connection | undefined;
  beforeAll(() => {
    opened = shared.connect(connectOptions);
  });
  afterAll(() => opened?.close());

  const connection = (): Connection => {
    if (opened === undefined) throw new Error("the store is there only while the cases run");
    return opened;
  };
  const kv = (): Kv => createKv(connection());
  return {
    get cluster() {
      return shared.cluster;
    },
    get endpoints() {
      return shared.endpoints;
    },
    connect: (own) => shared.connect(own),
    get connection() {
      return connection();
    },
    get kv() {
      return kv();
    },
    clear: async () => {
      await kv().delete({ from: "\0" });
    },
    grantLease: async () => {
      const { ID: id } = await createClient(Lease, connection().transport).leaseGrant({ TTL: 600n });
      return id;
    },
  };
}

/** Text as the bytes that a server answers with. */
export function bytes(text: string): Uint8Array {
  return toBytes(text, "text");
}

/** The keys as text, in the order of the answer. */
export function names(kvs: readonly KeyValue[]): readonly string[] {
  return kvs.map(({ key }) => utf8(key));
}

/** The value of a key as text. */
export async function textAt(kv: Kv, key: string): Promise<string | undefined> {
  const found = await kv.get(key);
  return found === undefined ? undefined : utf8(found.value);
}

/** Everything that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
