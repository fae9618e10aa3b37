import type { CancelTimer, Clock } from "@etcdkit/transport";
import { EtcdError } from "../errors/etcd-error.js";
import { checkToken } from "./credentials.js";

/** How long one effort to get a token may take, and what ends it. */
export interface Effort {
  readonly clock: Clock;
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** Aborts when the connection closes. */
  readonly signal: AbortSignal;
}

/**
 * Gets tokens from a function of the program's, one at a time. Nobody can end that function, which may take longer than
 * any call, or for ever. So calls wait for an effort, which ends; the next one waits on for the answer that the function
 * still owes. Nothing is left on its promise by those who wait, however many there are.
 */
export class TokenProvider {
  readonly #provide: () => Promise<string>;
  readonly #effort: Effort;
  #asked = false;
  /** A token that came when nobody waited any more. */
  #late: string | undefined;
  #settle: ((error: EtcdError | TypeError | undefined, token?: string) => void) | undefined;

  constructor(provide: () => Promise<string>, effort: Effort) {
    this.#provide = provide;
    this.#effort = effort;
  }

  /**
   * One effort; the next may begin when it has ended. Rejects with `UNAVAILABLE` when the function fails or takes too
   * long, and with a `TypeError` for what no header can carry.
   */
  get(): Promise<string> {
    const late = this.#late;
    this.#late = undefined;
    if (late !== undefined) return Promise.resolve(late);
    const { clock, signal, timeoutMs } = this.#effort;
    return new Promise((resolve, reject) => {
      let cancelTimer: CancelTimer = () => undefined;
      const onAbort = (): void => this.#settle?.(failed("was not waited for"));
      this.#settle = (error, token) => {
        this.#settle = undefined;
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
        if (token === undefined) reject(error);
        else resolve(token);
      };
      const onTime = (): void => this.#settle?.(failed(`has not answered for ${timeoutMs} ms`));
      cancelTimer = clock.setTimer(timeoutMs, onTime, false);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      else if (!this.#asked) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    let token: string;
    try {
      token = await this.#provide();
    } catch (cause) {
      this.#asked = false;
      this.#settle?.(failed("failed", cause));
      return;
    }
    this.#asked = false;
    try {
      checkToken(token);
    } catch (error) {
      this.#settle?.(error instanceof TypeError ? error : failed("failed", error));
      return;
    }
    if (this.#settle === undefined) this.#late = token;
    else this.#settle(undefined, token);
  }
}

function failed(how: string, cause?: unknown): EtcdError {
  const options = cause === undefined ? {} : { cause };
  return new EtcdError("UNAVAILABLE", `the function given as \`credentials.token\` ${how}`, options);
}
