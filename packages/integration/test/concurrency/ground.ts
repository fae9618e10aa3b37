import { openSession, type Session, type SessionOptions, type SessionServices } from "@etcdkit/concurrency";
import type { Connection } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";
import { expect, vi } from "vitest";

/** The services that coordination is built on, over a connection. */
export function servicesOf(connection: Connection): SessionServices {
  return { kv: createKv(connection), leases: createLeases(connection), watcher: createWatcher(connection) };
}

/** A program, so to say: a connection of its own and a session on it. Disposed of, it closes both. */
export interface Participant extends AsyncDisposable {
  readonly connection: Connection;
  readonly services: SessionServices;
  readonly session: Session;
}

/** Lets a program take part. */
export async function participant(connection: Connection, options?: SessionOptions): Promise<Participant> {
  const services = servicesOf(connection);
  const session = await openSession(services, { ttlSeconds: 20, ...options }).catch(
    async (error: unknown) => {
      await connection.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    // A case may have taken the session's lease away, or its link.
    await session.close().catch(() => undefined);
    await connection.close();
  };
  return { connection, services, session, [Symbol.asyncDispose]: close };
}

/** Waits until so many stand in the queue for a name. */
export async function queued({ services }: Participant, name: string, count: number): Promise<void> {
  const look = async (): Promise<void> => {
    expect(await services.kv.range({ prefix: `${name}/` })).toMatchObject({ count });
  };
  await vi.waitFor(look, { timeout: 10_000 });
}

/** Counts who is in a place that only one may be in. */
export class Exclusive {
  #inside = 0;
  /** The most that there were at a time. */
  most = 0;
  /** How often somebody entered. */
  entries = 0;

  async visit(work: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    this.#inside += 1;
    this.entries += 1;
    this.most = Math.max(this.most, this.#inside);
    await work();
    this.#inside -= 1;
  }
}

/** Resolves when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What a call rejects with; to be begun before what makes it fail, and waited for afterwards. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const fulfilled = Symbol("fulfilled");
  const end = await call.then(
    () => fulfilled,
    (error: unknown) => error,
  );
  if (end === fulfilled) throw new Error("the call was to be rejected, and succeeded");
  return end;
}
