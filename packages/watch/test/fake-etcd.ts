import { create, type DescMethod, type MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { EtcdError, type WatchCall } from "@etcdkit/core";
import {
  Event_EventType,
  EventSchema,
  type RangeRequest,
  RangeResponseSchema,
  type WatchCreateRequest,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "@etcdkit/core/protocol";

type Answer = MessageInitShape<typeof WatchResponseSchema>;
type RangeAnswer = MessageInitShape<typeof RangeResponseSchema>;

/** What a call came with. */
interface CallHead {
  readonly signal: AbortSignal | undefined;
  readonly headers: WatchCall["headers"];
}

/** A queue that is waited for at one end. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  take(): Promise<T> {
    const [item] = this.#items.splice(0, 1);
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => void this.#takers.push(resolve));
  }

  get size(): number {
    return this.#items.length;
  }
}

/** One call of the method Watch, from the server's side. */
export class FakeStream {
  readonly head: CallHead;
  readonly #requests = new Inbox<WatchRequest>();
  readonly #answers = new Inbox<() => Answer | undefined>();
  /** The header of answers that do not say otherwise. */
  clusterId = 1n;
  /** Whether it gives watches ids of its own, as etcd's gRPC proxy does, whatever it is asked for. */
  ownIds = false;
  /** The ids that creates without an answer ask for. */
  readonly #asked: bigint[] = [];
  /** Ids that were asked for, by what the test calls them. */
  readonly #names = new Map<bigint, bigint>();

  constructor(head: CallHead, requests: AsyncIterable<WatchRequest>) {
    this.head = head;
    void this.#read(requests);
  }

  /** Whether the client has left. */
  get left(): boolean {
    return this.head.signal?.aborted ?? false;
  }

  /** How many requests have come that were not looked at. */
  get unread(): number {
    return this.#requests.size;
  }

  /** The next request. */
  async request(): Promise<WatchRequest["requestUnion"]> {
    return (await this.#requests.take()).requestUnion;
  }

  /** The next request, which is to be a create. */
  async create(): Promise<WatchCreateRequest> {
    const request = await this.request();
    if (request.case !== "createRequest") throw new Error(`a create was to come, not ${request.case}`);
    return request.value;
  }

  /** The id in the next request, which is to be a cancel. */
  async cancel(): Promise<bigint> {
    const request = await this.request();
    if (request.case !== "cancelRequest") throw new Error(`a cancel was to come, not ${request.case}`);
    const { watchId } = request.value;
    for (const [name, id] of this.#names) if (id === watchId) return name;
    return watchId;
  }

  send(answer: Answer): void {
    const { watchId = 0n } = answer;
    if (answer.created === true) {
      const id = this.#asked.shift() ?? 0n;
      if (answer.canceled !== true && id !== 0n && !this.ownIds) this.#names.set(watchId, id);
    }
    this.#answers.put(() => ({ ...answer, watchId: this.#names.get(watchId) ?? watchId }));
  }

  created(id: number, revision: number): void {
    this.send({ header: this.header(revision), watchId: BigInt(id), created: true });
  }

  /** Takes the next create and agrees to it. */
  async accept(id: number, revision: number): Promise<WatchCreateRequest> {
    const request = await this.create();
    this.created(id, revision);
    return request;
  }

  /** Sends a put at each revision; `fragment` announces another part. */
  events(
    id: number,
    revisions: readonly number[],
    { fragment = false }: { readonly fragment?: boolean } = {},
  ): void {
    const events = revisions.map((revision) => put(`${revision}`, revision));
    this.send({ header: this.header(Math.max(...revisions)), watchId: BigInt(id), events, fragment });
  }

  progress(id: number, revision: number): void {
    this.send({ header: this.header(revision), watchId: BigInt(id) });
  }

  refuse(reason: string, { id = -1 }: { readonly id?: number } = {}): void {
    this.send({
      header: this.header(1),
      watchId: BigInt(id),
      created: true,
      canceled: true,
      cancelReason: reason,
    });
  }

  header(revision: number): NonNullable<Answer["header"]> {
    return { clusterId: this.clusterId, revision: BigInt(revision) };
  }

  /** Ends the call with an error. */
  fail(error: Error): void {
    this.#answers.put(() => {
      throw error;
    });
  }

  /** The link breaks. */
  cut(): void {
    this.fail(new EtcdError("UNAVAILABLE", "the link broke"));
  }

  /** Ends the call without an error. */
  end(): void {
    this.#answers.put(() => undefined);
  }

  async *answers(): AsyncGenerator<WatchResponse, void, undefined> {
    const { signal } = this.head;
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => undefined);
    while (true) {
      const answer = (await Promise.race([this.#answers.take(), aborted]))();
      if (answer === undefined) return;
      yield create(WatchResponseSchema, answer);
    }
  }

  async #read(requests: AsyncIterable<WatchRequest>): Promise<void> {
    for await (const request of requests) {
      const { requestUnion } = request;
      if (requestUnion.case === "createRequest") this.#asked.push(requestUnion.value.watchId);
      this.#requests.put(request);
    }
  }
}

/** A put event. */
export function put(key: string, revision: number): NonNullable<Answer["events"]>[number] {
  const modRevision = BigInt(revision);
  return create(EventSchema, {
    type: Event_EventType.PUT,
    kv: { key: new TextEncoder().encode(key), modRevision, createRevision: modRevision, version: 1n },
  });
}

/** A server whose every answer the test gives: Watch by {@link FakeStream}, Range by `range`. */
export class FakeEtcd {
  readonly #streams = new Inbox<FakeStream>();
  /** How many calls of Watch there were. */
  opened = 0;
  readonly ranges: RangeRequest[] = [];
  /** What Range answers; may throw. */
  range: (request: RangeRequest) => RangeAnswer | Promise<RangeAnswer> = () => {
    throw new Error("the test does not expect a Range");
  };

  /** The next call of Watch. */
  stream(): Promise<FakeStream> {
    return this.#streams.take();
  }

  readonly transport: Transport = {
    unary: async (method, signal, _timeoutMs, _header, input) => {
      const request = input as RangeRequest;
      this.ranges.push(request);
      signal?.throwIfAborted();
      const message = create(RangeResponseSchema, await this.range(request));
      return { ...empty(method), stream: false, message } as never;
    },
    stream: (method, signal, _timeoutMs, headers, input) => {
      const stream = new FakeStream(
        { signal, headers: headers as WatchCall["headers"] },
        input as unknown as AsyncIterable<WatchRequest>,
      );
      this.opened += 1;
      this.#streams.put(stream);
      return Promise.resolve({ ...empty(method), stream: true, message: stream.answers() } as never);
    },
  };
}

function empty(method: DescMethod): Record<string, unknown> {
  return { service: method.parent, method, header: new Headers(), trailer: new Headers() };
}
