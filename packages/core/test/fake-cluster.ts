import { createClient } from "@connectrpc/connect";
import type { ConnectOptions } from "../src/connection/connect-options.js";
import { type Connection, connect } from "../src/connection/connection.js";
import type { Endpoint } from "../src/connection/endpoint.js";
import type { ConnectionEvent } from "../src/connection/events.js";
import { KV, type PutResponse, type RangeResponse } from "../src/gen/etcdserverpb/rpc_pb.js";
import { type Answer, FakeMember, type SentCall } from "./fake-member.js";
import { ManualClock } from "./manual-clock.js";

/** Members in memory, made as a connection asks for them, and a clock that a test moves. */
export class FakeCluster {
  readonly clock: ManualClock = new ManualClock();
  /** Every link there is, several to one URL where a connection wants several. */
  readonly links: FakeMember[] = [];
  /** Every call that reached a member, in order. */
  readonly calls: SentCall[] = [];
  /** What every member answers. */
  answer: Answer = () => ({});
  /** Prepares a link as it is made. */
  onLink: (link: FakeMember, url: string) => void = () => undefined;
  readonly #byUrl = new Map<string, FakeMember>();

  /** The first link to a member, named by its URL. */
  member(url: string): FakeMember {
    const member = this.#byUrl.get(url);
    if (member === undefined) throw new Error(`nothing was ever asked of ${url}`);
    return member;
  }

  /** The URLs of the members that were called, in order; without the log-in. */
  get route(): readonly string[] {
    return this.calls.filter((call) => call.method !== "Authenticate").map((call) => call.url);
  }

  /** How many calls of a method reached a member. */
  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  connect(endpoints: ConnectOptions["endpoints"], options: Partial<ConnectOptions> = {}): Connection {
    return connect({
      endpoints,
      clock: this.clock,
      transport: (endpoint: Endpoint) => this.#link(endpoint.url),
      ...options,
    });
  }

  #link(url: string): FakeMember {
    const link = new FakeMember(url, this.clock);
    link.answer = (call) => {
      this.calls.push(call);
      return this.answer(call);
    };
    this.links.push(link);
    if (!this.#byUrl.has(url)) this.#byUrl.set(url, link);
    this.onLink(link, url);
    return link;
  }
}

/** Writes something over a connection. */
export function put(connection: Connection): Promise<PutResponse> {
  return createClient(KV, connection.transport).put({});
}

/** Reads something over a connection. */
export function range(connection: Connection): Promise<RangeResponse> {
  return createClient(KV, connection.transport).range({});
}

/** What a connection tells while `meanwhile` runs and until it is closed after that. */
export async function eventsUntilClosed(
  connection: Connection,
  meanwhile: () => Promise<void>,
): Promise<readonly ConnectionEvent[]> {
  const events = connection.events();
  await meanwhile();
  await connection.close();
  return await Array.fromAsync(events);
}
