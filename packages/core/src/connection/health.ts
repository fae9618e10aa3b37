import type { Clock } from "@etcdkit/transport";
import { Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import { dialBackOff, pauseMs } from "./back-off.js";
import { sleep } from "./sleep.js";
import type { Subchannel } from "./subchannel.js";

/**
 * Follows what a member says of itself through the gRPC health service, for as long as its link is up. A member without
 * that service counts as serving, as gRPC's client-side health checking has it (gRFC A17).
 */
export class HealthWatch {
  readonly #subchannel: Subchannel;
  readonly #clock: Clock;
  #watching: AbortController | undefined;

  constructor(subchannel: Subchannel, clock: Clock) {
    this.#subchannel = subchannel;
    this.#clock = clock;
  }

  /** Starts or stops watching, as the state of the link asks for. */
  update(): void {
    const up = this.#subchannel.state === "ready";
    if (up && this.#watching === undefined) {
      const watching = new AbortController();
      this.#watching = watching;
      void this.#watch(watching.signal);
    } else if (!up && this.#watching !== undefined) {
      this.#watching.abort();
      this.#watching = undefined;
      this.#subchannel.serving = true;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const requests = oneRequest();
        const { transport } = this.#subchannel;
        const answers = await transport.stream(Health.method.watch, signal, undefined, undefined, requests);
        for await (const { status } of answers.message) {
          failures = 0;
          this.#subchannel.serving = status !== HealthCheckResponse_ServingStatus.NOT_SERVING;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#subchannel.serving = true;
        if (isUnimplemented(error)) return;
      }
      try {
        await sleep(this.#clock, pauseMs({ ...dialBackOff, baseMs: 1_000 }, failures + 1), signal, false);
      } catch {
        return;
      }
    }
  }
}

async function* oneRequest(): AsyncGenerator<{ service: string }, void, undefined> {
  yield { service: "" };
}

const unimplemented = 12;

function isUnimplemented(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === unimplemented;
}
