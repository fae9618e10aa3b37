import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { StreamResponse, Transport } from "@connectrpc/connect";
import { type ConnectionState, EtcdError } from "@etcdkit/core";
import { LeaseKeepAliveResponseSchema } from "@etcdkit/core/protocol";
import { ManualClock } from "../../core/test/manual-clock.js";
import type { LeaseConnection } from "../src/members.js";

/** One stream of renewals, seen from the member. */
export class FakeStream {
  readonly url: string;
  /** The leases that were asked for, in order. */
  readonly asked: bigint[] = [];
  /** Whether the client has left. */
  left = false;
  readonly #arrived: MessageShape<typeof LeaseKeepAliveResponseSchema>[] = [];
  #over: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(url: string) {
    this.url = url;
  }

  answer(id: bigint, ttlSeconds: number): void {
    const header = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
    this.#arrived.push(create(LeaseKeepAliveResponseSchema, { header, ID: id, TTL: BigInt(ttlSeconds) }));
    this.#wake();
  }

  /** Ends the stream; `undefined`: in peace. */
  end(error?: unknown): void {
    this.#over ??= { error };
    this.#wake();
  }

  async *answers(): AsyncGenerator<MessageShape<typeof LeaseKeepAliveResponseSchema>, void, undefined> {
    while (true) {
      const next = this.#arrived.shift();
      if (next !== undefined) yield next;
      else if (this.#over?.error !== undefined) throw this.#over.error;
      else if (this.#over !== undefined) return;
      else
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
    }
  }
}

/** A cluster that knows nothing but renewals, and whose clock a test moves. */
export class FakeMembers implements LeaseConnection {
  readonly clock: ManualClock = new ManualClock();
  readonly streams: FakeStream[] = [];
  readonly linkStates: Map<string, ConnectionState> = new Map();
  readonly closing: AbortController = new AbortController();
  /** What a member does when it is asked to renew. Default: at once, for 60 seconds. */
  onAsked: (stream: FakeStream, id: bigint) => void = (stream, id) => stream.answer(id, 60);
  /** What there is to wait for before a stream can be opened. */
  onReady: () => Promise<void> = () => Promise.resolve();
  urls: readonly string[];

  constructor(...urls: readonly string[]) {
    this.urls = urls.length > 0 ? urls : ["http://a:1"];
    for (const url of this.urls) this.linkStates.set(url, "ready");
  }

  get signal(): AbortSignal {
    return this.closing.signal;
  }

  /** Balanced, as far as anybody here can tell. */
  get transport(): Transport {
    return this.endpoint("balanced");
  }

  endpoints(): readonly string[] {
    return this.urls;
  }

  states(): ReadonlyMap<string, ConnectionState> {
    return this.linkStates;
  }

  ready(): Promise<void> {
    return this.onReady();
  }

  /** The stream that was opened as the n-th, counted from 0; the last by default. */
  stream(index: number = this.streams.length - 1): FakeStream {
    const stream = this.streams[index];
    if (stream === undefined) throw new Error(`there is no stream ${index}`);
    return stream;
  }

  /** How often a lease was asked for, on all streams. */
  timesAsked(id: bigint): number {
    return this.streams.flatMap((stream) => stream.asked).filter((asked) => asked === id).length;
  }

  endpoint(url: string): Transport {
    return {
      unary: () => Promise.reject(new Error("a renewal needs no unary call")),
      stream: (method, signal, _timeoutMs, _header, input) => this.#open(url, method, signal, input),
    };
  }

  async #open<I extends DescMessage, O extends DescMessage>(
    url: string,
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const stream = new FakeStream(url);
    this.streams.push(stream);
    signal?.addEventListener("abort", () => {
      stream.left = true;
      stream.end(signal.reason);
    });
    void this.#receive(stream, input as AsyncIterable<{ readonly ID?: bigint }>);
    await Promise.resolve();
    const message = stream.answers() as AsyncIterable<DescMessage> as AsyncIterable<MessageShape<O>>;
    return {
      stream: true,
      service: method.parent,
      method,
      header: new Headers(),
      trailer: new Headers(),
      message,
    };
  }

  async #receive(stream: FakeStream, requests: AsyncIterable<{ readonly ID?: bigint }>): Promise<void> {
    for await (const { ID = 0n } of requests) {
      stream.asked.push(ID);
      this.onAsked(stream, ID);
    }
    stream.left = true;
  }
}

/** As a member refuses. */
export function refusal(code: "PERMISSION_DENIED" | "NO_LEADER" | "UNAVAILABLE"): EtcdError {
  return new EtcdError(code, "refused", { grpcCode: code === "PERMISSION_DENIED" ? code : "UNAVAILABLE" });
}
