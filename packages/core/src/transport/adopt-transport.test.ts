import { getEventListeners } from "node:events";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { FakeMember, never } from "../../test/fake-member.js";
import { ManualClock } from "../../test/manual-clock.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { adoptTransport, isEndpointTransport } from "./adopt-transport.js";

const inMemory = createRouterTransport(({ service }) => {
  service(KV, { put: () => ({ header: { revision: 7n } }), range: never });
  service(Maintenance, {
    async *snapshot() {
      yield { remainingBytes: 2n };
      yield { remainingBytes: 1n };
      await never();
    },
  });
});

describe("isEndpointTransport", () => {
  it("tells a transport that knows its link from a plain one", () => {
    expect(isEndpointTransport(new FakeMember("http://a:2379", new ManualClock()))).toBe(true);
    expect(isEndpointTransport(adoptTransport(inMemory, 100))).toBe(true);
    expect(isEndpointTransport(inMemory)).toBe(false);
  });
});

describe("a plain transport in place of a link", () => {
  it("is always ready, and hands calls on", async () => {
    const adopted = adoptTransport(inMemory, 100);
    expect(adopted.state).toBe("ready");
    await adopted.connect(new AbortController().signal);
    expect((await createClient(KV, adopted).put({})).header?.revision).toBe(7n);
  });

  it("refuses requests that are too large", async () => {
    const kv = createClient(KV, adoptTransport(inMemory, 100));
    expect(await caught(kv.put({ value: new Uint8Array(100) }))).toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      disposition: "unsent",
    });
  });

  it("ends its calls and streams when it is closed", async () => {
    const adopted = adoptTransport(inMemory, 100);
    const reading = caught(createClient(KV, adopted).range({}));
    const streaming = caught(Array.fromAsync(createClient(Maintenance, adopted).snapshot({})));
    await new Promise(setImmediate);
    await adopted.close();
    await adopted.close();
    await Promise.all([reading, streaming]);
    expect(adopted.state).toBe("closed");
    await caught(createClient(KV, adopted).put({}));
  });

  it("leaves no listener on the caller's signal", async () => {
    const adopted = adoptTransport(inMemory, 100);
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) await createClient(KV, adopted).put({}, { signal });
    for (let i = 0; i < 100; i++) {
      const { message } = await adopted.stream(
        Maintenance.method.snapshot,
        signal,
        undefined,
        undefined,
        (async function* () {
          yield {};
        })(),
      );
      for await (const _ of message) break;
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
