import {
  type Connection,
  type ConnectOptions,
  type Kv,
  type Leases,
  utf8,
  type Watcher,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type LeasingKv, type LeasingOptions, openLeasingKv } from "@etcdkit/leasing";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { vi } from "vitest";
import type { SharedCluster } from "../support/each-etcd.js";

/** What one program of several has: a connection of its own, and a leasing client on it. */
export interface Program extends AsyncDisposable {
  readonly connection: Connection;
  /** Past the leasing client. */
  readonly plain: Kv;
  readonly leases: Leases;
  readonly watcher: Watcher;
  readonly kv: LeasingKv;
  /** Reads a key, and says whether memory has answered. */
  local(key: string): Promise<boolean>;
}

/** Starts a program. Those that share a leasing prefix know of each other. */
export async function program(
  cluster: Pick<SharedCluster, "connect">,
  prefix: string,
  options: LeasingOptions = {},
  connecting: Partial<ConnectOptions> = {},
): Promise<Program> {
  const connection = cluster.connect(connecting);
  const [plain, leases, watcher] = [
    createKv(connection),
    createLeases(connection),
    createWatcher(connection),
  ];
  const kv = await openLeasingKv({ kv: plain, leases, watcher }, prefix, options);
  return {
    connection,
    plain,
    leases,
    watcher,
    kv,
    async local(key) {
      const { hits } = kv.stats();
      await kv.get(key);
      return kv.stats().hits === hits + 1;
    },
    async [Symbol.asyncDispose]() {
      // Together: where there is no server any more, nothing is to wait until a lease that cannot be revoked is past.
      await Promise.all([connection.close(), kv.close()]);
    },
  };
}

/** A program whose link to the server can be broken. */
export interface BridgedProgram extends Program {
  readonly bridge: Bridge;
  /** Cuts the link, and resolves when the program's connection has noticed. */
  down(): Promise<void>;
}

/** Starts a program that reaches the first member over a bridge. */
export async function bridgedProgram(
  cluster: SharedCluster,
  prefix: string,
  options: LeasingOptions = {},
): Promise<BridgedProgram> {
  const bridge = await openBridge(cluster.endpoints[0] ?? "");
  const { endpoint } = bridge;
  const started = await program(cluster, prefix, options, { endpoints: endpoint });
  return {
    ...started,
    bridge,
    async down() {
      await bridge.refuse();
      bridge.cut();
      const look = (): void => {
        if (started.connection.states().get(endpoint) === "ready") throw new Error("the link is up");
      };
      await vi.waitFor(look, { timeout: 10_000 });
    },
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await bridge.close();
    },
  };
}

/** The value of a key as text. */
export async function textOf(kv: Pick<Kv, "get">, key: string): Promise<string | undefined> {
  const pair = await kv.get(key);
  return pair && utf8(pair.value);
}

/** What memory says of a key and what the server says, without the headers: the revision of the store goes on meanwhile. */
export async function bothSay(
  { kv, plain }: Program,
  key: string,
): Promise<readonly [memory: unknown, server: unknown]> {
  const [memory, server] = [await kv.range(key), await plain.range(key)];
  return [
    { ...memory, header: undefined },
    { ...server, header: undefined },
  ];
}
