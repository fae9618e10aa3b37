import { type Connection, callContext, type WatchCall } from "@etcdkit/core";
import { type WatchRequest, type WatchResponse, Watch as WatchService } from "@etcdkit/core/protocol";
import { ProgressAnswers } from "./progress-answers.js";
import { RequestQueue } from "./request-queue.js";

/** One call of etcd's method Watch. It is never repeated: who opens the next one knows where each watch goes on. */
export class WatchStreamCall {
  /** When it was opened, on the clock of the watcher. */
  readonly openedAt: number;
  /** Whether a watch was created on it. */
  worked = false;
  /** Whether it is known to answer creates in the order in which they were sent. */
  keepsOrder = false;
  readonly progress: ProgressAnswers = new ProgressAnswers();
  readonly #transport: Connection["transport"];
  readonly #call: WatchCall;
  readonly #avoid: string | undefined;
  readonly #requests = new RequestQueue<WatchRequest>();
  readonly #controller = new AbortController();

  /** @param avoid - The endpoint where the call before failed. */
  constructor(
    transport: Connection["transport"],
    call: WatchCall,
    openedAt: number,
    avoid: string | undefined,
  ) {
    this.#transport = transport;
    this.#call = call;
    this.openedAt = openedAt;
    this.#avoid = avoid;
  }

  send(request: WatchRequest): void {
    this.#requests.push(request);
  }

  /** Opens the call and reads it. etcd answers nothing before the first request, so that is to be sent meanwhile. */
  async *responses(): AsyncGenerator<WatchResponse, void, undefined> {
    const { message } = await this.#transport.stream(
      WatchService.method.watch,
      this.#controller.signal,
      undefined,
      this.#call.headers,
      this.#requests,
      callContext(this.#call, this.#avoid),
    );
    yield* message;
  }

  /** Ends the call; the reader's wait rejects. */
  end(): void {
    this.#requests.close();
    this.#controller.abort();
  }
}
