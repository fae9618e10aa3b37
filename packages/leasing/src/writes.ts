import {
  type BranchOp,
  type CallOptions,
  type Compare,
  type KeyValue,
  outcomeOf,
  type RangeResult,
  type ResponseHeader,
  type ResultOf,
  type TxnOp,
  type TxnResult,
  type WireRange,
} from "@etcdkit/core";
import type { Departure } from "./departures.js";
import type { Entry } from "./entries.js";
import { larger } from "./larger.js";
import { namesOf } from "./leasing-keys.js";
import type { LeasingGround, LeasingSession } from "./leasing-session.js";
import { type ForeignOwner, Owners } from "./owners.js";
import { revoked } from "./revocation.js";
import type { SessionKeeper } from "./session-keeper.js";
import { type TimeLimit, withOutcome } from "./time-limit.js";
import type { WriteGates } from "./write-gates.js";
import { deletedRanges, type WriteOp, type WritePlan } from "./write-plan.js";

/** One single key of a write. */
interface Claim {
  readonly name: string;
  readonly key: Uint8Array;
  readonly entry: Entry | undefined;
  /** The newest creation of its leasing key at which the write may still happen: 0n, or that of our ownership. */
  readonly token: bigint;
}

/** What one attempt at a write goes by. */
interface Attempt {
  readonly session: LeasingSession;
  readonly claims: readonly Claim[];
  /** For each range of the plan, the newest creation of a leasing key of ours. */
  readonly bounds: readonly bigint[];
  readonly plan: WritePlan;
}

/** In doubt about more keys than this, the whole session is given up instead of each of them. */
const mostDoubts = 256;

/**
 * Writes. Each is one transaction, which the server carries out only if nobody else owns a key that it may write; and once,
 * for it is sent again only when the server has said that it did nothing.
 */
export class Writes {
  readonly #ground: LeasingGround;
  readonly #gates: WriteGates;
  readonly #sessions: SessionKeeper;
  readonly #owners: Owners;

  constructor(ground: LeasingGround, gates: WriteGates, sessions: SessionKeeper) {
    this.#ground = ground;
    this.#gates = gates;
    this.#sessions = sessions;
    this.#owners = new Owners(ground.kv, ground.keys);
  }

  async execute<O extends WriteOp>(op: O, plan: WritePlan, limit: TimeLimit): Promise<ResultOf<O>> {
    /** Ownerships of ours that memory does not know of, as the server has told. */
    let told = new Map<string, bigint>();
    let refused = false;
    for (let last: LeasingSession | undefined; ; ) {
      let departure: Departure | undefined;
      try {
        limit.check("the keys' owners to let go");
        const session = await this.#sessions.ready(limit);
        if (session !== last) told = new Map();
        last = session;
        const bounds = await this.#clear(session, plan.ranges, limit);
        if (bounds === undefined) continue;
        if (isSingle(plan)) departure = session.departures.expect(firstName(plan));
        const answer = await this.#attempt(op, session, plan, bounds, told, limit.step());
        if ("result" in answer) return answer.result;
        refused = true;
        const { foreign, askedAt } = answer;
        if (askedAt !== undefined && departure !== undefined) {
          await limit.wait(departure.after(askedAt), "the key's owner to let go");
        }
        await this.#owners.revoke(session, foreign, limit);
      } catch (error) {
        // Of an idempotent write, the connection may have sent more than the one that was refused.
        throw refused && limit.step()?.idempotent === true ? withOutcome(error, "unknown") : error;
      } finally {
        departure?.close();
      }
    }
  }

  /** For each range, the newest creation of a leasing key of ours; `undefined`: the session is over. */
  async #clear(
    session: LeasingSession,
    ranges: readonly WireRange[],
    limit: TimeLimit,
  ): Promise<readonly bigint[] | undefined> {
    const bounds: bigint[] = [];
    for (const range of ranges) {
      const bound = await this.#owners.clear(session, range, limit);
      if (bound === undefined) return undefined;
      bounds.push(bound);
    }
    return bounds;
  }

  /** Sends the write, with the gates of its keys closed until memory knows of it. */
  async #attempt<O extends WriteOp>(
    op: O,
    session: LeasingSession,
    plan: WritePlan,
    bounds: readonly bigint[],
    told: Map<string, bigint>,
    call: CallOptions | undefined,
  ): Promise<{ readonly result: ResultOf<O> } | Refusal> {
    const ranges = plan.ranges.map(namesOf);
    const open = this.#gates.close(plan.keys.keys(), ranges);
    session.acquisitions.overtake(plan.keys.keys(), ranges);
    const claims = [...plan.keys].map(([name, key]): Claim => {
      const entry = session.entries.get(name);
      return { name, key, entry, token: larger(entry?.token ?? 0n, told.get(name) ?? 0n) };
    });
    const attempt: Attempt = { session, claims, bounds, plan };
    try {
      const owned = op.type === "delete" ? [] : claims.filter(({ entry }) => entry !== undefined);
      const answer = await this.#ground.kv.execute(this.#guarded(op, attempt, owned), call);
      session.note(answer.header);
      // The connection may have sent it before the one that was answered, whatever has become of that one.
      const again = call?.idempotent === true;
      if (again)
        this.#doubt(attempt, new Error("an earlier attempt at an idempotent write may still happen"));
      if (!answer.succeeded) return this.#refused(answer, attempt, told);
      const result = { ...(answer.responses[0] as ResultOf<O>), header: answer.header };
      if (!again) this.#learn(op, result, owned, answer.responses[1] as TxnResult | undefined, attempt);
      return { result };
    } catch (error) {
      if (outcomeOf(error) !== "not-applied") this.#doubt(attempt, error);
      throw error;
    } finally {
      open();
    }
  }

  /** The write, what it made of the keys that we own, and what to do instead if somebody else owns one. */
  #guarded(op: WriteOp, { session, claims, bounds, plan }: Attempt, owned: readonly Claim[]): TxnOp {
    const { keys } = this.#ground;
    const guards = claims.map(({ key, token }): Compare => {
      return { target: "createRevision", relation: "less", key: keys.of(key), operand: token + 1n };
    });
    const rangeGuards = plan.ranges.map((range, i): Compare => {
      const operand = (bounds[i] ?? 0n) + 1n;
      return { target: "createRevision", relation: "less", ...keys.ofRange(range), operand };
    });
    const reads = owned.map(
      ({ key }): BranchOp => ({ type: "range", key, ...(isPlainPut(op) && { keysOnly: true }) }),
    );
    const owners = claims.map(({ key }): BranchOp => ({ type: "range", key: keys.of(key) }));
    return {
      type: "txn",
      compare: [...guards, ...rangeGuards],
      success: reads.length === 0 ? [op] : [op, { type: "txn", compare: [], success: reads, failure: [] }],
      failure: isSingle(plan) ? owners.map((owner) => askUnlessOurs(owner, session.leaseId)) : owners,
    };
  }

  /** Somebody owns a key that the write is about: who, and whether they were asked to let go already. */
  #refused(answer: TxnResult, { session, claims, plan }: Attempt, told: Map<string, bigint>): Refusal {
    const foreign: ForeignOwner[] = [];
    let askedAt: bigint | undefined;
    for (const [i, { name, entry }] of claims.entries()) {
      let read = answer.responses[i] as RangeResult | TxnResult;
      if (isSingle(plan)) {
        const judged = read as TxnResult;
        read = judged.responses[0] as RangeResult;
        if (!judged.succeeded) askedAt = answer.header.revision;
      }
      const owner = askedAt === undefined ? (read as RangeResult).kvs[0] : undefined;
      // What memory holds is not ours any more; it is about to hear of it.
      if (entry !== undefined && owner?.createRevision !== entry.token) session.entries.remove(name);
      if (owner === undefined) continue;
      const { key: leasingKey, createRevision } = owner;
      if (owner.lease === session.leaseId) told.set(name, createRevision);
      else foreign.push({ name, leasingKey, createRevision });
    }
    return { foreign, askedAt };
  }

  /** Memory learns what has become of the keys that we own. */
  #learn<O extends WriteOp>(
    op: O,
    result: ResultOf<O>,
    owned: readonly Claim[],
    refresh: TxnResult | undefined,
    attempt: Attempt,
  ): void {
    const { session, claims } = attempt;
    const { header } = result as { readonly header: ResponseHeader };
    if (op.type === "delete") {
      for (const { entry } of claims)
        if (entry !== undefined) learn(session, entry, undefined, header.revision);
    }
    for (const [i, { entry }] of owned.entries()) {
      const read = (refresh?.responses[i] as RangeResult | undefined)?.kvs[0];
      const pair =
        read !== undefined && isPlainPut(op)
          ? { ...read, value: new Uint8Array(op.value), lease: op.leaseId ?? 0n }
          : read;
      if (entry !== undefined) learn(session, entry, pair, header.revision);
    }
    for (const range of deletedRanges(op, result)) {
      for (const entry of session.entries.within(range)) learn(session, entry, undefined, header.revision);
    }
    this.#notice(attempt);
  }

  /**
   * Nobody knows whether the write has happened, or will. What it is about is given up, and not taken up again under the
   * ownership that the write relies on: it may still be on its way, and once that ownership is over the server refuses it.
   */
  #doubt(attempt: Attempt, error: unknown): void {
    const { session, claims, bounds, plan } = attempt;
    for (const revision of [...bounds, ...claims.map(({ token }) => token)]) {
      this.#ground.doubtedUpTo = larger(this.#ground.doubtedUpTo, revision);
    }
    const doubted = claims.flatMap(({ name }) => session.entries.get(name) ?? []);
    for (const range of plan.ranges) doubted.push(...session.entries.within(namesOf(range)));
    if (doubted.length > mostDoubts) session.end(error);
    else for (const entry of doubted) session.drop(entry);
    this.#notice(attempt);
  }

  /** Nothing is known of what is owned when leasing keys were written like other keys. */
  #notice({ session, claims, plan }: Attempt): void {
    const { keys } = this.#ground;
    const meddled = claims.some(({ key }) => keys.nameIn(key) !== undefined);
    if (meddled || plan.ranges.some((range) => keys.meets(namesOf(range)))) {
      session.end(new Error("leasing keys were written through the leasing client itself"));
    }
  }
}

/** The server did nothing of the write. */
interface Refusal {
  /** Owners that are to be asked. */
  readonly foreign: readonly ForeignOwner[];
  /** The revision at which the one owner was asked. */
  readonly askedAt: bigint | undefined;
}

function learn(
  session: LeasingSession,
  { name, token }: Entry,
  pair: KeyValue | undefined,
  revision: bigint,
): void {
  const entry = session.entries.get(name);
  if (entry?.token !== token) return;
  // It may expire behind our back from now on.
  if (pair !== undefined && pair.lease !== 0n) session.drop(entry);
  else session.entries.update(entry, pair, revision);
}

/** In a transaction that was refused for one key: asks the owner to let go, in the same step, unless that is ourselves. */
function askUnlessOurs(owner: BranchOp, leaseId: bigint): BranchOp {
  const { key } = owner as { readonly key: Uint8Array };
  return {
    type: "txn",
    compare: [{ target: "lease", relation: "equal", key, operand: leaseId }],
    success: [owner],
    failure: [{ type: "put", key, value: revoked, ignoreLease: true }],
  };
}

/** A put whose value and lease are known to be what the key has afterwards; servers since 3.7 give no lease without a value. */
function isPlainPut(op: WriteOp): op is WriteOp & { readonly type: "put" } {
  return op.type === "put" && op.ignoreValue !== true && op.ignoreLease !== true;
}

function isSingle({ keys, ranges }: WritePlan): boolean {
  return keys.size === 1 && ranges.length === 0;
}

function firstName({ keys }: WritePlan): string {
  const [name = ""] = keys.keys();
  return name;
}
