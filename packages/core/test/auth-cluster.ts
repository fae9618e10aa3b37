import { invalidToken } from "./failures.js";
import { FakeCluster } from "./fake-cluster.js";
import type { SentCall } from "./fake-member.js";

/** A cluster with authentication: gives out the tokens t1, t2, … and takes only the last one. */
export class AuthCluster extends FakeCluster {
  /** What a call with another token is refused with. */
  refusal: () => Error = invalidToken;
  /** How many tokens were given out. */
  issued = 0;
  /** The token that is good now. */
  valid: string | undefined;
  /** What a call with a good token gets. */
  serve: (call: SentCall) => unknown = () => ({});

  constructor() {
    super();
    this.answer = (call) => {
      if (call.method === "Authenticate") return { token: this.issue() };
      if (call.headers.get("token") !== (this.valid ?? null)) throw this.refusal();
      return this.serve(call);
    };
  }

  issue(): string {
    this.valid = `t${++this.issued}`;
    return this.valid;
  }

  /** The tokens that calls of a method carried. */
  tokens(method: string): readonly (string | null)[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.headers.get("token"));
  }
}
