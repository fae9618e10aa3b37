import type { Connection } from "@etcdkit/core";

type Transport = Connection["transport"];

/**
 * What leases need of a connection. Anything with a transport will do; without the rest, streams go wherever that
 * transport sends them.
 */
export type LeaseConnection = Pick<Connection, "transport"> &
  Partial<Pick<Connection, "signal" | "ready" | "endpoint" | "endpoints" | "states">>;

/** Where a stream goes. */
export interface Member {
  /** `undefined` where only the transport knows. */
  readonly url: string | undefined;
  readonly transport: Transport;
}

/**
 * Chooses the member for each stream of renewals. A stream stays where it was opened, so unlike a call it needs a choice
 * that can keep away from the member that has fallen silent.
 */
export class Members {
  readonly #connection: LeaseConnection;
  // At random, so that the streams of many processes do not all begin at the same member.
  #next = Math.floor(Math.random() * 1_000);

  constructor(connection: LeaseConnection) {
    this.#connection = connection;
  }

  /** Whether streams may still go there. */
  has(url: string | undefined): boolean {
    const { endpoints } = this.#connection;
    return url === undefined || endpoints === undefined || endpoints.call(this.#connection).includes(url);
  }

  /**
   * Waits until there is a member to go to, and chooses one: if possible not the one to avoid, and one whose link is up.
   *
   * @throws As `Connection.ready`.
   */
  async choose(avoid: string | undefined, signal: AbortSignal): Promise<Member> {
    const connection = this.#connection;
    const { transport } = connection;
    if (connection.endpoint === undefined || connection.endpoints === undefined)
      return { url: undefined, transport };
    await connection.ready?.({ signal, timeoutMs: Number.POSITIVE_INFINITY });
    const states = connection.states?.();
    const urls = connection.endpoints();
    const from = this.#next++ % urls.length;
    const ordered = [...urls.slice(from), ...urls.slice(0, from)];
    const others = ordered.filter((url) => url !== avoid);
    const isReady = (url: string): boolean => states === undefined || states.get(url) === "ready";
    // A link that failed is dialled again some time; one that was never needed, at once.
    const mayBeReady = (url: string): boolean => states?.get(url) !== "failed";
    const url = others.find(isReady) ?? others.find(mayBeReady) ?? ordered.find(isReady) ?? ordered[0];
    return url === undefined ? { url, transport } : { url, transport: connection.endpoint(url) };
  }
}
