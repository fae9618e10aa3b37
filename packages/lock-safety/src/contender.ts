import { setTimeout as delay } from "node:timers/promises";
import type { Session } from "@etcdkit/concurrency";
import { type EtcdError, isEtcdError, type Kv, op } from "@etcdkit/core";
import type { Bug } from "./bugs.js";
import type { Chance } from "./chance.js";
import { nowUs } from "./clock.js";
import { acquire, type Held } from "./held.js";
import {
  type Document,
  documentKey,
  type FromWorker,
  type Kind,
  type Protection,
  protections,
  type WriteCounts,
  type Writer,
} from "./messages.js";

/** What a contender needs. */
export interface Contention {
  readonly kind: Kind;
  readonly bug: Bug | undefined;
  readonly kv: Kv;
  readonly chance: Chance;
  readonly stopped: AbortSignal;
  openSession(): Promise<Session>;
  tell(message: FromWorker): void;
  /** Waits here with what it has decided to write, when it is told to. */
  beforeWriting(writer: Writer): Promise<void>;
  /** Shows the resource outside of etcd a token. */
  writeFenced(writer: Writer): Promise<void>;
  readonly counts: Record<Protection, WriteCounts> & {
    givenUp: number;
    sessions: number;
  };
}

/** What cut links, changing leaders and lost leases do not explain. */
const alarming: ReadonlySet<EtcdError["code"]> = new Set([
  "PROTOCOL",
  "TLS",
  "NO_ENDPOINTS",
  "COMPACTED",
  "CLUSTER_CHANGED",
  "HISTORY_REPLACED",
  "PERMISSION_DENIED",
  "INVALID_ARGUMENT",
]);

/** How many of those who can share do: enough to meet, and not so many that nobody else has his turn. */
const readers = 0.6;

/** Writes may be late, and are to arrive all the same: later than the longest lease lives. */
const writeTimeoutMs = 8_000;

/** Takes and gives back, again and again, until it is stopped. */
export async function contend(contention: Contention): Promise<void> {
  const { kind, bug, chance, stopped, counts, tell } = contention;
  let session: Session | undefined;
  while (!stopped.aborted) {
    try {
      if (session === undefined || session.signal.aborted) {
        session = await contention.openSession();
        counts.sessions += 1;
      }
      // Some are impatient: what they leave in the queue must not stop those behind them.
      const timeoutMs = chance.happens(0.15) ? chance.between(10, 500) : 60_000;
      const shared = kind === "rw-lock" && chance.happens(readers);
      const limits = { signal: stopped, timeoutMs: Math.ceil(timeoutMs) };
      const held = await acquire({ kind, shared, bug }, session, limits);
      await hold(contention, session, held, shared);
    } catch (error) {
      if (stopped.aborted) break;
      counts.givenUp += 1;
      if (!isExpected(error)) tell({ type: "problem", text: `${kind}: ${String(error)}` });
      await delay(chance.between(5, 50));
    }
  }
  await session?.close().catch(() => undefined); // it expires
}

/** Does things for as long as it holds, and tells of it. */
async function hold(contention: Contention, session: Session, held: Held, shared: boolean): Promise<void> {
  const { kind, chance, stopped, tell } = contention;
  const acquiredUs = nowUs();
  const token = held.fencingToken.toString();
  const leaseId = session.leaseId.toString();
  const writer: Writer = { kind, shared, token, leaseId };
  tell({ type: "acquired", ...writer, ttlSeconds: session.ttlSeconds });
  let [heldUs, agreedUs, actedUs, lostUs]: (number | undefined)[] = [];
  /** Asks whether it holds. The time is taken before: it was held then, if it is said to be held now. */
  const believes = (): boolean => {
    const askedUs = nowUs();
    const yes = held.isHeld();
    if (yes) heldUs = askedUs;
    else lostUs ??= askedUs;
    return yes;
  };
  held.signal.addEventListener("abort", () => {
    lostUs ??= nowUs();
  });
  const heartbeat = setInterval(believes, 10);
  try {
    believes();
    const forMs = chance.happens(0.2) ? chance.between(1_000, 2_500) : chance.between(20, 250);
    const until = performance.now() + forMs;
    while (performance.now() < until && !stopped.aborted && lostUs === undefined) {
      await act(contention, held, writer, believes, (heldAtUs) => {
        agreedUs = heldAtUs;
        actedUs = nowUs();
      });
    }
  } finally {
    clearInterval(heartbeat);
    if (lostUs === undefined) believes();
    const told = { ...writer, acquiredUs, heldUs, agreedUs, actedUs, lostUs };
    // What follows ends the belief: it aborts the signal, which is no loss. What was lost is given back as well: after a
    // stall it may be found not to be lost after all.
    const release = held.giveBack();
    tell({ type: "held", hold: told });
    await release.catch((error: unknown) => {
      if (!isExpected(error)) tell({ type: "problem", text: `giving back the ${kind}: ${String(error)}` });
    });
  }
}

/**
 * Reads, looks whether it holds, thinks for a moment, and writes: everything at once, so that whoever lost the lock in that
 * moment shows what each protection is worth.
 */
async function act(
  contention: Contention,
  held: Held,
  writer: Writer,
  believes: () => boolean,
  begins: (agreedUs: number) => void,
): Promise<void> {
  const { kv, chance } = contention;
  const { kind, token } = writer;
  const limits = { signal: held.signal, timeoutMs: 3_000 };
  try {
    const read = await Promise.all(
      protections.map(
        async (each) => (await kv.get(documentKey(kind, false, each), limits))?.modRevision ?? 0n,
      ),
    );
    const agreedUs = nowUs(); // not later than it did
    if (!believes()) return;
    await contention.beforeWriting(writer);
    await delay(chance.between(10, 50));
    begins(agreedUs);
    const writing = protections.map((each, index) => {
      const document: Document = { token, after: (read[index] ?? 0n).toString() };
      return write(contention, held, writer, each, JSON.stringify(document));
    });
    await Promise.all([...writing, contention.writeFenced(writer)]);
  } catch (error) {
    if (!(isExpected(error) || held.signal.aborted)) throw error; // else a read has failed, and nothing was done
  }
}

/** Writes even when the lock is lost meanwhile: it is to be seen what becomes of it. */
async function write(
  { kv, counts, tell }: Contention,
  held: Held,
  { kind, shared }: Writer,
  protection: Protection,
  value: string,
): Promise<void> {
  const key = documentKey(kind, shared, protection);
  const count = counts[protection];
  const limits = { timeoutMs: writeTimeoutMs };
  try {
    if (protection === "guarded") await held.guard(kv).put(key, value, limits);
    else if (protection === "control") await kv.put(key, value, limits);
    else {
      const { succeeded } = await kv.txn({ compare: [held.owned()], success: [op.put(key, value)] }, limits);
      if (!succeeded) {
        count.refused += 1;
        return;
      }
    }
    count.acknowledged += 1;
  } catch (error) {
    if (isEtcdError(error, "NOT_HOLDER")) count.refused += 1;
    else if (isExpected(error)) count.failed += 1;
    else tell({ type: "problem", text: `${protection} write of the ${kind}: ${String(error)}` });
  }
}

function isExpected(error: unknown): boolean {
  return isEtcdError(error) && !alarming.has(error.code);
}
