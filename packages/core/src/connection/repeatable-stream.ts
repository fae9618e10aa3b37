import type { DescMessage, DescMethodStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ContextValues, StreamResponse } from "@connectrpc/connect";
import { dispositionOf } from "@etcdkit/transport";
import { type EndAttempt, reportAttempt } from "../diagnostics/report-attempt.js";
import type { EtcdError } from "../errors/etcd-error.js";
import { fromTransport } from "../errors/from-transport.js";
import type { Call } from "./call.js";
import type { Metadata } from "./call-headers.js";
import { Lifetime } from "./lifetime.js";
import { RequestSource } from "./request-source.js";
import type { Subchannel } from "./subchannel.js";

/** Where and as whom one attempt goes out. */
interface Ticket {
  readonly target: Subchannel;
  readonly token: string | undefined;
  readonly headers: Metadata;
}

/** What a stream needs from the one who sends calls. */
export interface StreamSender {
  /** Waits for an endpoint and a token. */
  acquire(previous: Subchannel | undefined): Promise<Ticket>;
  /** Returns when another attempt may be made; throws what the call rejects with otherwise. */
  afterFailure(reason: unknown, target: Subchannel, token: string | undefined): Promise<void>;
  /** Gets a fresh token when the refusal may be about a stale one, once; tells whether it did. */
  refresh(error: EtcdError): Promise<boolean>;
  /** Tells of a refusal that only the next stream can heal, with a fresh token. */
  refused(error: EtcdError, token: string | undefined): void;
}

interface Attempt<I extends DescMessage, O extends DescMessage> extends Ticket {
  readonly response: StreamResponse<I, O>;
  /** Ends the attempt and frees what belongs to it. */
  readonly life: Lifetime;
  /** Tells how it ended, where somebody wants to know. */
  readonly end: EndAttempt | undefined;
}

/**
 * A streaming call. As long as nothing has arrived, a server-streaming call that fails is opened again by the same rules
 * as a unary call; a stream of requests only where none of it was taken and sent. Afterwards a failure is the caller's to
 * handle: only it knows where to resume. Leaving the iteration by `break` ends the call.
 */
export class RepeatableStream<I extends DescMessage, O extends DescMessage> {
  readonly #method: DescMethodStreaming<I, O>;
  readonly #call: Call;
  readonly #life: Lifetime;
  readonly #input: RequestSource<MessageInitShape<I>>;
  readonly #sender: StreamSender;
  /** The requests of a server-streaming call, kept to be sent again. */
  #requests: readonly MessageInitShape<I>[] | undefined;
  #received = false;
  /** The reader has left: what happens to the call now interests nobody. */
  #left = false;

  /**
   * @param life - Ends with the stream, whatever ends that; its signal is the call's. So whoever leaves ends every wait of
   * the call, as an abort does.
   */
  constructor(
    method: DescMethodStreaming<I, O>,
    call: Call,
    life: Lifetime,
    input: AsyncIterable<MessageInitShape<I>>,
    sender: StreamSender,
  ) {
    this.#method = method;
    this.#call = call;
    this.#life = life;
    this.#input = new RequestSource(input);
    this.#sender = sender;
  }

  async open(context: ContextValues | undefined): Promise<StreamResponse<I, O>> {
    try {
      if (this.#method.methodKind === "server_streaming") {
        this.#requests = await Array.fromAsync(this.#input.view(this.#life.signal));
      }
      const attempt = await this.#attempt(context, undefined);
      const messages = this.#messages(attempt, context);
      // The `return` of a generator waits for a `next` under way, and before the first one it runs nothing of the body.
      const leave = messages.return.bind(messages);
      messages.return = (value) => {
        this.#left = true;
        this.#over();
        return leave(value);
      };
      return { ...attempt.response, message: messages };
    } catch (error) {
      this.#over();
      throw error;
    }
  }

  async *#messages(
    first: Attempt<I, O>,
    context: ContextValues | undefined,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    let attempt = first;
    try {
      while (!this.#left) {
        try {
          for await (const message of attempt.response.message) {
            this.#received = true;
            yield message;
          }
          return;
        } catch (reason) {
          if (!this.#left) attempt.end?.(reason);
          attempt.life.end();
          if (this.#left) return;
          await this.#failed(reason, attempt);
          attempt = await this.#attempt(context, attempt.target);
        }
      }
    } catch (error) {
      if (!this.#left) throw error;
    } finally {
      this.#over();
    }
  }

  /** Nothing of the call goes on, and nothing of it is left on the caller's signal. */
  #over(): void {
    this.#life.end();
    this.#input.close();
  }

  async #attempt(
    context: ContextValues | undefined,
    previous: Subchannel | undefined,
  ): Promise<Attempt<I, O>> {
    const call = this.#call;
    let avoid = previous;
    while (true) {
      const ticket = await this.#sender.acquire(avoid);
      call.throwIfOver();
      const life = this.#attemptAt(ticket.target);
      const end = reportAttempt(call, this.#method, context);
      if (end !== undefined) life.signal.addEventListener("abort", () => end(), { once: true });
      try {
        const input = this.#requests === undefined ? this.#input.view(life.signal) : iterate(this.#requests);
        const response = await ticket.target.transport.stream(
          this.#method,
          life.signal,
          call.leftMs,
          ticket.headers,
          input,
          context,
        );
        return { ...ticket, response, life, end };
      } catch (reason) {
        end?.(reason);
        life.end();
        await this.#failed(reason, ticket);
        avoid = ticket.target;
      }
    }
  }

  /** An attempt counts at its endpoint until it ends, which it does with the stream or earlier. */
  #attemptAt(target: Subchannel): Lifetime {
    const life = this.#call.farLife() ?? new Lifetime(this.#life.signal);
    target.begin();
    life.signal.addEventListener("abort", () => target.end(), { once: true });
    return life;
  }

  /** Returns when the stream may be opened again. */
  async #failed(reason: unknown, { target, token }: Ticket): Promise<void> {
    const call = this.#call;
    const error = fromTransport(reason, {
      method: call.method,
      endpoint: target.endpoint.url,
      writes: call.writes,
    });
    const repeatable =
      this.#requests !== undefined
        ? !this.#received
        : dispositionOf(reason) === "unsent" && this.#input.untouched;
    if (!repeatable) {
      call.failed(error);
      call.throwIfOver();
      this.#sender.refused(error, token);
      throw call.rejection(error);
    }
    // etcd 3.4.0-3.4.21 and 3.5.0-3.5.5 refuse an expired token on a stream with "permission denied".
    if (!call.signal?.aborted && (await this.#sender.refresh(error))) return;
    await this.#sender.afterFailure(reason, target, token);
  }
}

async function* iterate<T>(all: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* all;
}
