import { Auth, type AuthenticateRequest } from "../gen/etcdserverpb/rpc_pb.js";
import type { Call } from "./call.js";
import type { Caller } from "./caller.js";
import { callContext } from "./context.js";
import type { Delay } from "./prerequisite.js";

/** What a log-in needs of its connection. */
export interface LogInSetup {
  /** Sends calls without a token, and tells of each. */
  caller(onCall: (call: Call) => void): Caller;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Gets tokens from the cluster for a name and a password, one at a time. */
export class LogIn {
  readonly #caller: Caller;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  #call: Call | undefined;

  constructor({ caller, signal, timeoutMs }: LogInSetup) {
    this.#caller = caller((call) => {
      this.#call = call;
    });
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  get delay(): Delay {
    const { endpoint, cause } = this.#call?.delay ?? {};
    return { what: endpoint === undefined ? "the log-in" : `the log-in at ${endpoint}`, endpoint, cause };
  }

  async authenticate(request: AuthenticateRequest): Promise<string> {
    // Logging in twice does no harm.
    const context = callContext({ idempotent: true });
    const { authenticate } = Auth.method;
    try {
      const answer = await this.#caller.unary(
        authenticate,
        this.#signal,
        this.#timeoutMs,
        undefined,
        request,
        context,
      );
      return answer.message.token;
    } finally {
      this.#call = undefined;
    }
  }
}
