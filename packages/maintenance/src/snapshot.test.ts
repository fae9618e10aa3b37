import { createHash, randomBytes } from "node:crypto";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { connect } from "@etcdkit/core";
import { Maintenance as Service } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createMaintenance } from "./create-maintenance.js";
import type { SnapshotOptions } from "./maintenance.js";
import type { Snapshot } from "./snapshot.js";

const database = randomBytes(3 * 512);
const digest = createHash("sha256").update(database).digest();

type Part = { readonly blob: Uint8Array; readonly remainingBytes?: bigint; readonly version?: string };

/** What a member of etcd 3.6 sends. */
const whole: readonly Part[] = [
  { blob: database.subarray(0, 1_000), remainingBytes: 536n, version: "3.6.0" },
  { blob: database.subarray(1_000), version: "3.6.0" },
  { blob: digest, version: "3.6.0" },
];

interface Opened {
  readonly open: (options?: SnapshotOptions) => Promise<Snapshot>;
  /** How many parts were asked for; the others were never made. */
  readonly sent: () => number;
  /** Resolves when the client has left. */
  readonly left: Promise<void>;
}

/** A member that sends these parts and then ends as told. */
function member(parts: readonly Part[], end: "well" | "never" | ConnectError = "well"): Opened {
  let sent = 0;
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const transport = createRouterTransport(({ service }) => {
    service(Service, {
      async *snapshot(_request, { signal }) {
        signal.addEventListener("abort", leave, { once: true });
        for (const part of parts) {
          sent += 1;
          yield part;
        }
        if (end === "never") await left;
        else if (end !== "well") throw end;
      },
    });
  });
  const connection = connect({ endpoints: "http://fake:2379", transport: () => transport });
  const maintenance = createMaintenance(connection);
  return { open: (options) => maintenance.snapshot(options), sent: () => sent, left };
}

async function read(snapshot: Snapshot): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(snapshot));
}

describe("a snapshot", () => {
  it("tells version and size before it is read, and the digest afterwards", async () => {
    const snapshot = await member(whole).open();
    expect(snapshot.header.clusterId).toBe(0n);
    expect(snapshot.version).toBe("3.6.0");
    expect(snapshot.sizeBytes).toBe(database.length + 32);
    expect(snapshot.receivedBytes).toBe(0);
    expect(snapshot.digest).toBeUndefined();
    expect(await read(snapshot)).toEqual(Buffer.concat([database, digest]));
    expect(snapshot.receivedBytes).toBe(snapshot.sizeBytes);
    expect(Buffer.from(snapshot.digest ?? [])).toEqual(digest);
  });

  it("has no version where the member is older than 3.6", async () => {
    const snapshot = await member(whole.map((part) => ({ ...part, version: "" }))).open();
    expect("version" in snapshot).toBe(false);
    await snapshot.close();
  });

  it.each([1, 7, 31, 32, 33, 512, 5_000])("is whole in parts of %i bytes as well", async (size) => {
    const bytes = Buffer.concat([database, digest]);
    const parts: Part[] = [];
    for (let at = 0; at < bytes.length; at += size) parts.push({ blob: bytes.subarray(at, at + size) });
    const snapshot = await member([...parts, { blob: new Uint8Array(0) }]).open();
    expect(await read(snapshot)).toEqual(bytes);
    expect(Buffer.from(snapshot.digest ?? [])).toEqual(digest);
  });

  const wrong = Buffer.from(digest);
  wrong[31] = (wrong[31] ?? 0) ^ 1;
  const [one, two] = whole;
  it.each<[string, readonly Part[]]>([
    ["ends without its digest", whole.slice(0, 2)],
    ["ends early", whole.slice(0, 1)],
    ["has lost a part", [...whole.slice(0, 1), ...whole.slice(2)]],
    ["has another digest", [...whole.slice(0, 2), { blob: wrong }]],
    [
      "has two parts in the wrong order",
      [two ?? one, one ?? two, { blob: digest }].filter((part) => part !== undefined),
    ],
    ["is nothing but a digest", [{ blob: digest }]],
    ["is shorter than a digest", [{ blob: Uint8Array.of(1) }]],
    ["is one empty part", [{ blob: new Uint8Array(0) }]],
  ])("throws DATA_LOSS when it %s", async (_title, parts) => {
    const snapshot = await member(parts).open();
    await expect(read(snapshot)).rejects.toMatchObject({ code: "DATA_LOSS" });
    expect(snapshot.digest).toBeUndefined();
  });

  it("is refused when the member ends it before its first byte", async () => {
    await expect(member([]).open()).rejects.toMatchObject({ code: "DATA_LOSS" });
  });

  it("throws what ended it midway", async () => {
    const failure = new ConnectError("etcdserver: server stopped", Code.Unavailable);
    const snapshot = await member(whole.slice(0, 2), failure).open();
    await expect(read(snapshot)).rejects.toMatchObject({ code: "STOPPED" });
  });

  it("can be read once", async () => {
    const snapshot = await member(whole).open();
    await read(snapshot);
    await expect(read(snapshot)).rejects.toThrow(TypeError);
  });

  it("ends at the member when the loop is left, with the rest unsent", async () => {
    const endless = Array.from({ length: 1_000 }, () => ({ blob: database }));
    const { open, sent, left } = member(endless, "never");
    for await (const chunk of await open()) {
      expect(Buffer.from(chunk)).toEqual(database);
      break;
    }
    await left;
    expect(sent()).toBeLessThan(10);
  });

  it("ends at the member when it is closed unread, and cannot be taken for a whole one then", async () => {
    const { open, left } = member(whole.slice(0, 2), "never");
    const snapshot = await open();
    await snapshot.close();
    await snapshot[Symbol.asyncDispose]();
    await left;
    await expect(read(snapshot)).rejects.toMatchObject({ code: "CLOSED" });
  });

  // maintenance_test.go:TestMaintenanceSnapshotErrorInflight
  it("throws the caller's reason when that aborts, before, while opening and while reading", async () => {
    const reason = new Error("changed my mind");
    await expect(member(whole).open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

    const opening = new AbortController();
    const opened = member([], "never").open({ signal: opening.signal });
    setImmediate(() => opening.abort(reason));
    await expect(opened).rejects.toBe(reason);

    const reading = new AbortController();
    const snapshot = await member(whole.slice(0, 2), "never").open({ signal: reading.signal });
    setImmediate(() => reading.abort(reason));
    await expect(read(snapshot)).rejects.toBe(reason);

    const unread = new AbortController();
    const other = await member(whole).open({ signal: unread.signal });
    unread.abort(reason);
    await expect(read(other)).rejects.toBe(reason);
  });
});
