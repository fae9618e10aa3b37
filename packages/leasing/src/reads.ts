import type {
  CallOptions,
  KvExecutor,
  RangeOp,
  RangeResult,
  ResponseHeader,
  TxnOp,
  TxnResult,
} from "@etcdkit/core";
import { isBytes } from "@etcdkit/core/spi";
import { answerRange } from "./answer.js";
import type { Entry } from "./entries.js";
import { holds, isRange, type NameRange, nameOf } from "./leasing-keys.js";
import type { LeasingGround, LeasingSession } from "./leasing-session.js";
import { answerTxn } from "./local-txn.js";
import type { SessionKeeper } from "./session-keeper.js";
import { type Purpose, TimeLimit } from "./time-limit.js";
import type { WriteGates } from "./write-gates.js";

/** While so many keys are being given up, no more are acquired: the server is slow, or too little fits into memory. */
const mostReleases = 256;

const ownWrite = "a write of the same key by this client";

/** Reads: from memory what is owned, from the server all else. */
export class Reads {
  readonly #kv: KvExecutor;
  readonly #leasingKeys: NameRange;
  readonly #gates: WriteGates;
  readonly #sessions: SessionKeeper;
  readonly #purpose: Purpose;
  /** Reads that were answered from memory. */
  hits = 0;
  /** Reads that could have been, and were answered by the server. */
  misses = 0;

  constructor(ground: LeasingGround, gates: WriteGates, sessions: SessionKeeper, purpose: Purpose) {
    this.#kv = ground.kv;
    this.#leasingKeys = ground.keys.all;
    this.#gates = gates;
    this.#sessions = sessions;
    this.#purpose = purpose;
  }

  range(op: RangeOp, call: CallOptions | undefined): Promise<RangeResult> {
    // Headers are for a server; and what is no key is refused there.
    const eligible = isPoint(op) && call?.headers === undefined;
    const session = eligible ? this.#held() : undefined;
    if (session === undefined) return this.#ask(op, call);
    if (call?.signal?.aborted) return Promise.reject(call.signal.reason);
    const name = nameOf(op.key);
    const answer = this.#fromMemory(op, name, session);
    return answer === undefined ? this.#acquire(op, name, call) : Promise.resolve(answer);
  }

  /** From memory, if all of it is there; `undefined`: it is for the server. */
  async txn(op: TxnOp, call: CallOptions | undefined, limit: TimeLimit): Promise<TxnResult | undefined> {
    if (call?.headers !== undefined) return undefined;
    for (let waited = false; ; waited = true) {
      const session = this.#held();
      // Who sends the transaction, or says of a write that it was not sent, says that it was aborted.
      if (session?.newest === undefined || call?.signal?.aborted) return undefined;
      let closed: string | undefined;
      const touched: Entry[] = [];
      const look = (key: Uint8Array): Entry | undefined => {
        const name = nameOf(key);
        const entry = session.entries.get(name);
        if (entry === undefined) return undefined;
        touched.push(entry);
        if (this.#gates.isClosed(name)) closed ??= name;
        return closed === undefined ? entry : undefined;
      };
      const answer = answerTxn(op, look, session.newest);
      // Without a look at any key, an answer would say something about a moment that memory knows nothing of.
      if (answer !== undefined && touched.length > 0) {
        for (const entry of touched) entry.read = true;
        this.hits += 1;
        return answer;
      }
      // Once: where writes follow each other without a gap, the server answers.
      if (closed === undefined || waited) return undefined;
      await limit.wait(this.#gates.passed(closed), ownWrite);
    }
  }

  /** What an answer of the server says about how far the store is. */
  note(header: ResponseHeader): void {
    this.#sessions.current?.note(header);
  }

  /** The session, if what it owns is ours at this moment. */
  #held(): LeasingSession | undefined {
    const session = this.#sessions.current;
    return session?.isHeld() === true ? session : undefined;
  }

  #fromMemory(op: RangeOp, name: string, session: LeasingSession): RangeResult | undefined {
    const entry = session.entries.get(name);
    if (entry === undefined || session.newest === undefined) return undefined;
    if (this.#gates.isClosed(name)) return undefined;
    entry.read = true;
    this.hits += 1;
    return answerRange(op, session.newest, entry.pair);
  }

  async #ask(op: RangeOp, call: CallOptions | undefined): Promise<RangeResult> {
    const result = await this.#kv.execute(op, call);
    this.note(result.header);
    return result;
  }

  async #acquire(op: RangeOp, name: string, call: CallOptions | undefined): Promise<RangeResult> {
    const limit = new TimeLimit(this.#purpose, call);
    let waited = false;
    for (let asked = false; ; asked = true) {
      limit.check("an answer");
      const session = this.#held();
      const answer = session && this.#fromMemory(op, name, session);
      if (answer !== undefined) return answer;
      const closed = this.#gates.isClosed(name);
      if (closed && !waited && session?.entries.get(name) !== undefined) {
        waited = true;
        await limit.wait(this.#gates.passed(name), ownWrite);
        continue;
      }
      // A second attempt would say no more than the first: the server is asked for the value instead.
      if (session === undefined || closed || asked || !this.#mayAcquire(op, name, session)) {
        this.misses += 1;
        return await this.#ask(op, asked ? limit.step() : call);
      }
      const underWay = session.acquisitions.get(name);
      if (underWay !== undefined) {
        await limit.wait(underWay.then(nothing, nothing), "the key to be acquired");
        continue;
      }
      try {
        const { header, pair } = await limit.wait(
          session.acquisitions.start(name, op.key),
          "the key to be acquired",
        );
        this.misses += 1;
        return answerRange(op, header, pair);
      } catch (error) {
        // The session was lost, and not the read.
        if (!session.signal.aborted) throw error;
      }
    }
  }

  #mayAcquire(op: RangeOp, name: string, { pauses, releases }: LeasingSession): boolean {
    if (op.serializable === true || pauses.has(name)) return false;
    // Leasing keys themselves are written by everybody, past all rules.
    if (holds(this.#leasingKeys, name)) return false;
    return !releases.has(name) && releases.size < mostReleases;
  }
}

/** Whether an op reads the newest state of one key. */
function isPoint(op: RangeOp): boolean {
  return !isRange(op) && op.revision === undefined && isBytes(op.key) && op.key.length > 0;
}

function nothing(): void {}
