import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  Health,
  HealthCheckResponse_ServingStatus,
  KV,
  Lease,
  Maintenance,
  Watch,
} from "@etcdkit/core/protocol";
import { openFrameProxy } from "@etcdkit/testing";
import { createGrpcJsTransport } from "@etcdkit/transport/grpc-js";
import { credentials } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { openDialling } from "./dialling.js";

interface Opened {
  readonly transport: Transport;
  close(): Promise<void> | void;
}

const kinds: readonly (readonly [name: string, open: (endpoint: string) => Opened])[] = [
  ["our own transport", (endpoint) => openDialling(endpoint)],
  [
    "connect-node's transport",
    (endpoint) => {
      const sessionManager = new Http2SessionManager(endpoint);
      const transport = createGrpcTransport({ baseUrl: endpoint, sessionManager, readMaxBytes: 0x7fff_ffff });
      return { transport, close: () => sessionManager.abort() };
    },
  ],
  [
    "a grpc-js channel",
    (endpoint) => {
      const transport = createGrpcJsTransport(new URL(endpoint).host, credentials.createInsecure());
      return { transport, close: () => transport.close() };
    },
  ],
];

const key = (text: string): Uint8Array => Buffer.from(text);

describeEachEtcd("a transport to etcd", (etcd) => {
  const shared = etcd.shared();

  describe.each(kinds)("%s", (name, open) => {
    async function using<T>(use: (transport: Transport) => Promise<T>): Promise<T> {
      const [endpoint = ""] = shared.endpoints;
      const opened = open(endpoint);
      try {
        return await use(opened.transport);
      } finally {
        await opened.close();
      }
    }

    it("stores and reads", () =>
      using(async (transport) => {
        const kv = createClient(KV, transport);
        const { header } = await kv.put({ key: key(`${name}/a`), value: key("value") });
        const { kvs } = await kv.range({ key: key(`${name}/a`) });
        expect(kvs.map(({ modRevision, value }) => [modRevision, Buffer.from(value).toString()])).toEqual([
          [header?.revision, "value"],
        ]);
      }));

    it("gives etcd's own words for an error", () =>
      using(async (transport) => {
        const kv = createClient(KV, transport);
        await expect(kv.range({})).rejects.toMatchObject({
          code: Code.InvalidArgument,
          rawMessage: "etcdserver: key is not provided",
        });
        await expect(kv.range({ key: key("a"), revision: 9_000_000_000n })).rejects.toMatchObject({
          code: Code.OutOfRange,
          rawMessage: "etcdserver: mvcc: required revision is a future revision",
        });
      }));

    it("reads answers beyond 4 MiB, written in pieces", () =>
      using(async (transport) => {
        const kv = createClient(KV, transport);
        const value = Buffer.alloc(1_400_000, "v");
        for (let part = 0; part < 4; part++) await kv.put({ key: key(`${name}/large/${part}`), value });
        const { kvs } = await kv.range({ key: key(`${name}/large/`), rangeEnd: key(`${name}/large0`) });
        expect(kvs.map((one) => Buffer.compare(one.value, value))).toEqual([0, 0, 0, 0]);
      }));

    it("writes a thousand keys at once", () =>
      using(async (transport) => {
        const kv = createClient(KV, transport);
        await Promise.all(
          Array.from({ length: 1_000 }, (_, index) =>
            kv.put({ key: key(`${name}/many/${index}`), value: key("x") }),
          ),
        );
        const { count } = await kv.range({
          key: key(`${name}/many/`),
          rangeEnd: key(`${name}/many0`),
          countOnly: true,
        });
        expect(count).toBe(1_000n);
      }));

    it("watches: created, then each event in order, until it is left", () =>
      using(async (transport) => {
        const kv = createClient(KV, transport);
        const controller = new AbortController();
        async function* requests() {
          yield {
            requestUnion: {
              case: "createRequest" as const,
              value: { key: key(`${name}/watched/`), rangeEnd: key(`${name}/watched0`) },
            },
          };
          await new Promise(() => undefined);
        }
        const seen: string[] = [];
        const watching = (async () => {
          for await (const { created, events } of createClient(Watch, transport).watch(requests(), {
            signal: controller.signal,
          })) {
            if (created) {
              for (let round = 0; round < 20; round++) await kv.put({ key: key(`${name}/watched/${round}`) });
            }
            seen.push(...events.map((event) => Buffer.from(event.kv?.key ?? []).toString()));
            if (seen.length === 20) controller.abort();
          }
        })();
        await expect(watching).rejects.toMatchObject({ code: Code.Canceled });
        expect(seen).toEqual(Array.from({ length: 20 }, (_, round) => `${name}/watched/${round}`));
      }));

    it("keeps a lease alive over a stream that stays open", () =>
      using(async (transport) => {
        const lease = createClient(Lease, transport);
        const { ID } = await lease.leaseGrant({ TTL: 60n });
        async function* requests() {
          for (let round = 0; round < 3; round++) yield { ID };
        }
        const left: bigint[] = [];
        for await (const { TTL } of lease.leaseKeepAlive(requests())) left.push(TTL);
        expect(left).toEqual([60n, 60n, 60n]);
      }));

    it("streams a snapshot to its end", () =>
      using(async (transport) => {
        let bytes = 0;
        let remaining = -1n;
        for await (const part of createClient(Maintenance, transport).snapshot({})) {
          bytes += part.blob.length;
          remaining = part.remainingBytes;
        }
        expect(bytes).toBeGreaterThan(20_000);
        expect(remaining).toBe(0n);
      }));

    it("asks for health", () =>
      using(async (transport) => {
        const { status } = await createClient(Health, transport).check({});
        expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
      }));

    it("is told that etcd takes no request of 3 MiB", () =>
      using(async (transport) => {
        const failure = createClient(KV, transport).put({ key: key("a"), value: Buffer.alloc(3_000_000) });
        await expect(failure).rejects.toMatchObject({ code: Code.ResourceExhausted });
        await createClient(KV, transport).range({ key: key("a") });
      }));
  });

  it("carries the same through our own transport in slices of one byte", async () => {
    const [endpoint = ""] = shared.endpoints;
    await using proxy = await openFrameProxy(endpoint);
    proxy.slice(1);
    const opened = openDialling(proxy.endpoint);
    const kv = createClient(KV, opened.transport);
    await kv.put({ key: key("sliced"), value: Buffer.alloc(300, 5) });
    const { kvs } = await kv.range({ key: key("sliced") });
    expect(kvs[0]?.value.length).toBe(300);
    await opened.close();
  });
});
