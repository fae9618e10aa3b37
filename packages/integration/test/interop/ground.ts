import type { Session, SessionServices } from "@etcdkit/concurrency";
import type { Kv } from "@etcdkit/core";
import { beforeEach, expect, vi } from "vitest";
import { participant } from "../concurrency/ground.js";
import type { EtcdUnderTest, SharedCluster } from "../support/each-etcd.js";
import { expectServerWatchers, serverWatchers } from "../watch/server-watchers.js";
import { type GoClient, startGoClient } from "./go-client.js";
import { type Pending, pending } from "./waiting.js";

/** What shares keys: a program of ours, and one of Go's with a session called `go`. */
export interface Sides extends AsyncDisposable {
  readonly kv: Kv;
  readonly services: SessionServices;
  readonly session: Session;
  readonly go: GoClient;
}

/** What a file of cases works with. */
export interface Ground {
  readonly cluster: SharedCluster;
  /** Opens both sides, for one case. */
  sides(): Promise<Sides>;
  /** Starts something that is to wait for an event, and resolves when the server has a watcher for it. */
  waiting<T>(start: () => Promise<T>): Promise<Pending<T>>;
}

/** Plans a cluster for the cases of a describe block, which run one after the other. */
export function interopGround(etcd: EtcdUnderTest): Ground {
  const cluster = etcd.shared();
  // Each case counts the watchers of the server, and so begins without any of the case before.
  beforeEach(() => expectServerWatchers(cluster.endpoints[0] ?? "", 0));
  return {
    cluster,
    async sides() {
      const go = startGoClient(cluster.endpoints);
      const kill = async (reason: unknown): Promise<never> => {
        await go.kill();
        throw reason;
      };
      await go.call("session.open", { session: "go", ttlSeconds: 20 }).catch(kill);
      const ours = await participant(cluster.connect()).catch(kill);
      return {
        kv: ours.services.kv,
        services: ours.services,
        session: ours.session,
        go,
        async [Symbol.asyncDispose]() {
          await go.kill();
          await ours[Symbol.asyncDispose]();
        },
      };
    },
    async waiting(start) {
      const endpoint = cluster.endpoints[0] ?? "";
      const before = await serverWatchers(endpoint);
      const started = pending(start());
      await vi.waitFor(async () => expect(await serverWatchers(endpoint)).toBeGreaterThan(before), 10_000);
      expect(started.ended).toBe(false);
      return started;
    },
  };
}
