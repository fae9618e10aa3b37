import { openSession, type Session } from "@etcdkit/concurrency";
import { type Connection, type Kv, type Leases, type Watcher, watcherFrom } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";
import { expect, vi } from "vitest";
import type { SharedCluster } from "../support/each-etcd.js";
import { type Together, together } from "../support/together.js";

/** A program, so to say: a connection to a member, and what is built on it. */
export interface Participant extends AsyncDisposable {
  readonly connection: Connection;
  readonly kv: Kv;
  readonly leases: Leases;
  readonly watcher: Watcher;
  /** Resolves when so many watches stand, in all: whoever waits for a key by then waits on the server. */
  watching(count: number): Promise<void>;
}

/** A program with a session. */
export interface Member extends Participant {
  readonly session: Session;
}

/** Lets a program take part over a connection, which is closed with it. */
export function participantOn(connection: Connection): Participant {
  const plain = createWatcher(connection);
  let standing = 0;
  const watcher = watcherFrom(
    {
      open(request, call) {
        const watch = plain.open(request, call);
        watch.created.then(
          () => standing++,
          () => undefined,
        );
        return watch;
      },
    },
    () => plain.close(),
  );
  return {
    connection,
    kv: createKv(connection),
    leases: createLeases(connection),
    watcher,
    watching: (count) =>
      vi.waitFor(
        () => {
          if (standing < count) throw new Error(`${standing} watches stand, and not yet ${count}`);
        },
        { timeout: 10_000, interval: 5 },
      ),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** So many programs, spread over the members of the cluster. */
export function participants(shared: SharedCluster, count: number): Promise<Together<Participant>> {
  return together(
    ...Array.from({ length: count }, async (_, i) =>
      participantOn(shared.connect({ endpoints: endpointOf(shared, i) })),
    ),
  );
}

/** So many programs with a session each, spread over the members of the cluster. */
export function members(shared: SharedCluster, count: number, ttlSeconds = 20): Promise<Together<Member>> {
  return together(
    ...Array.from({ length: count }, (_, i) =>
      memberOn(shared.connect({ endpoints: endpointOf(shared, i) }), ttlSeconds),
    ),
  );
}

/** A program with a session over a connection, which is closed with it. */
export async function memberOn(connection: Connection, ttlSeconds = 20): Promise<Member> {
  const participant = participantOn(connection);
  const session = await openSession(participant, { ttlSeconds });
  return {
    ...participant,
    session,
    [Symbol.asyncDispose]: async () => {
      await session.close().catch(() => undefined);
      await connection.close();
    },
  };
}

/** Two programs with a session each. */
export async function twoMembers(
  shared: SharedCluster,
  ttlSeconds?: number,
): Promise<{ readonly one: Member; readonly other: Member } & AsyncDisposable> {
  const two = await members(shared, 2, ttlSeconds);
  return { one: nth(two.all, 0), other: nth(two.all, 1), [Symbol.asyncDispose]: two[Symbol.asyncDispose] };
}

/** A program by itself, at the first member of the cluster. */
export function participant(shared: SharedCluster): Participant {
  return participantOn(shared.connect({ endpoints: endpointOf(shared, 0) }));
}

function endpointOf(shared: SharedCluster, i: number): string {
  return shared.endpoints[i % shared.endpoints.length] ?? "";
}

/** The session with another store in front of it. */
export function sessionWith(session: Session, kv: Kv): Session {
  return new Proxy(session, {
    get: (target, name) => (name === "kv" ? kv : bound(target, Reflect.get(target, name))),
  });
}

function bound(target: object, value: unknown): unknown {
  return typeof value === "function" ? value.bind(target) : value;
}

/** Waits until so many keys have a prefix. */
export async function untilCount(
  { kv }: Pick<Participant, "kv">,
  prefix: string,
  count: number,
): Promise<void> {
  const look = async (): Promise<void> => {
    expect((await kv.range({ prefix }, { countOnly: true })).count).toBe(count);
  };
  await vi.waitFor(look, { timeout: 10_000 });
}

/** One of several, that has to be there. */
export function nth<T>(all: readonly T[], i: number): T {
  const one = all[i];
  if (one === undefined) throw new Error(`there is no number ${i}`);
  return one;
}

/** Counts how many of some promises have settled. */
export function settledOf(promises: readonly Promise<unknown>[]): () => number {
  let settled = 0;
  for (const promise of promises) {
    const count = (): void => void settled++;
    promise.then(count, count);
  }
  return () => settled;
}
