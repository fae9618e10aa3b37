import { setTimeout } from "node:timers/promises";
import type { Connection, Kv, Watcher } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createEndpointManager, type Directory, type EndpointManager } from "@etcdkit/naming";
import type { EchoServer } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";

/** What naming is built on, over one connection. */
export interface Services extends AsyncDisposable {
  readonly kv: Kv;
  readonly watcher: Watcher;
}

export function servicesOn(connection: Connection): Services {
  const watcher = createWatcher(connection);
  return { kv: createKv(connection), watcher, [Symbol.asyncDispose]: () => watcher.close() };
}

let count = 0;

/** A service that no other case uses: cases share a cluster. */
export function uniqueService(services: Services): EndpointManager {
  count += 1;
  return createEndpointManager(services, `services/${process.pid}-${count}`);
}

/** The address by which a server is registered. */
export function addressOf({ endpoint }: EchoServer): string {
  return endpoint.replace("http://", "");
}

/** Waits until the directory has exactly these addresses, in the order of their keys. */
export function settled(directory: Directory, addresses: readonly string[]): Promise<void> {
  const wanted = addresses.join();
  return new Promise((resolve) => {
    const look = (): void => {
      const known = directory.endpoints && [...directory.endpoints.values()].map(({ address }) => address);
      if (known?.join() !== wanted) return;
      unsubscribe();
      resolve();
    };
    const unsubscribe = directory.subscribe(look);
    look();
  });
}

/** Makes calls one after the other, several at a time, until it is stopped or one fails. */
export function callForEver(call: () => Promise<unknown>, atOnce: number): Traffic {
  const failures: unknown[] = [];
  let stopped = false;
  let answered = 0;
  const workers = Array.from({ length: atOnce }, async () => {
    while (!stopped && failures.length === 0) {
      try {
        await call();
        answered += 1;
      } catch (error) {
        failures.push(error);
      }
    }
  });
  return {
    failures,
    get answered() {
      return answered;
    },
    async until(isSo) {
      while (!isSo()) {
        if (failures.length > 0) throw failures[0];
        await setTimeout(2);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all(workers);
    },
  };
}

/** Calls under way. */
export interface Traffic {
  readonly failures: readonly unknown[];
  readonly answered: number;
  /** Lets it go on until something is so; rejects with the failure of a call. */
  until(isSo: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Waits until a server that left the directory gets no call any more, and all that it got are answered. */
export async function quiet({ log }: EchoServer, traffic: Traffic): Promise<void> {
  for (let before = -1; before < log.entries("load").length; ) {
    const calls = log.entries("load");
    before = calls.length;
    await traffic.until(() => calls.every(({ over }) => over));
    const { answered } = traffic;
    await traffic.until(() => traffic.answered > answered + 100);
  }
}
