import type { BytesLike, WaitOptions } from "@etcdkit/core";
import { callChecks, checkOptions, optionTable, toBytes } from "@etcdkit/core/spi";
import { HeldKey, type Holding } from "./holding.js";

/** Being the leader of an election. Disposed of by `await using`, it is resigned from if it was not yet. */
export interface Leadership extends Holding, AsyncDisposable {
  /**
   * Gives the leader's key another value, for observers to see.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) `EtcdError` `NOT_HOLDER` when it leads no longer; else as `Kv.put`, with an `outcome`.
   */
  proclaim(value: BytesLike, options?: WaitOptions): Promise<void>;
  /**
   * Leads no longer, and resolves when the next one can. {@link Holding.signal} aborts (`CLOSED`), and
   * {@link Holding.isHeld} is false, before anything is sent. Idempotent.
   *
   * When it rejects, the leader's key will be deleted by itself as soon as that is possible, for as long as the session
   * lives.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) `EtcdError` `DEADLINE`; `PERMISSION_DENIED`; `options.signal.reason`.
   */
  resign(options?: WaitOptions): Promise<void>;
}

const waitChecks = { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs };
const tables = {
  proclaim: optionTable("proclaim", waitChecks),
  resign: optionTable("resign", waitChecks),
} as const;

/** {@link Leadership}. */
export class HeldLeadership extends HeldKey implements Leadership {
  protected override readonly releasing = "resign";

  async proclaim(value: BytesLike, options?: WaitOptions): Promise<void> {
    checkOptions(tables.proclaim, options);
    await this.held.write(toBytes(value, "value"), options);
  }

  async resign(options?: WaitOptions): Promise<void> {
    checkOptions(tables.resign, options);
    await this.release(options);
  }
}
