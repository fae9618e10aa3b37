import { type CancelTimer, type Clock, failureText } from "@etcdkit/transport";
import { EtcdError, isEtcdError } from "../errors/etcd-error.js";
import type { Logger } from "./logger.js";

// How long one synchronisation with the member list may take when nobody waits for it.
const timeoutMs = 5_000;

/** What synchronising by itself needs of a connection. */
export interface AutoSyncSetup {
  /** Pause between the end of one synchronisation and the next; `undefined` for none at all. */
  readonly intervalMs: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  sync(timeoutMs: number): Promise<void>;
  failed(error: EtcdError): void;
}

/** Asks for the member list again and again. Its timer never keeps the process alive. */
export class AutoSync {
  readonly #setup: AutoSyncSetup;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(setup: AutoSyncSetup) {
    this.#setup = setup;
    this.#schedule();
  }

  /** Ends it for good; a synchronisation under way is not told of any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
  }

  #schedule(): void {
    const { clock, intervalMs } = this.#setup;
    if (intervalMs === undefined || this.#stopped) return;
    this.#cancelTimer = clock.setTimer(intervalMs, () => void this.#sync(), false);
  }

  async #sync(): Promise<void> {
    const { failed, logger, sync } = this.#setup;
    try {
      await sync(timeoutMs);
    } catch (reason) {
      if (this.#stopped) return;
      const error = isEtcdError(reason)
        ? reason
        : new EtcdError("UNAVAILABLE", failureText(reason), { cause: reason });
      logger.warn("could not read the member list", { code: error.code, message: error.message });
      failed(error);
    }
    this.#schedule();
  }
}
