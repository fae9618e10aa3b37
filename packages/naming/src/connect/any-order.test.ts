import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { Echo } from "@etcdkit/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ManualClock } from "../../../core/test/manual-clock.js";
import { FakeDirectory } from "../../test/fake-directory.js";
import { unavailable } from "../../test/fake-endpoints.js";
import { createDirectoryTransport } from "./directory-transport.js";
import type { EndpointConnection } from "./endpoint-connection.js";

type Fate = "answered" | "unsent" | "refused" | "unknown" | "waits";

type Step =
  | { readonly do: "become"; readonly addresses: readonly string[] }
  | { readonly do: "dial"; readonly address: string; readonly fate: "up" | "down" | "waits" }
  | { readonly do: "serve"; readonly address: string; readonly fate: Fate }
  | { readonly do: "call"; readonly kind: "unary" | "stream"; readonly timeoutMs: number | undefined }
  | { readonly do: "abort"; readonly call: number }
  | { readonly do: "advance"; readonly ms: number };

const address = fc.constantFrom("a:1", "b:1", "c:1");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("become" as const), addresses: fc.subarray(["a:1", "b:1", "c:1"]) }),
  fc.record({
    do: fc.constant("dial" as const),
    address,
    fate: fc.constantFrom("up" as const, "down" as const, "waits" as const),
  }),
  fc.record({
    do: fc.constant("serve" as const),
    address,
    fate: fc.constantFrom<Fate>("answered", "unsent", "refused", "unknown", "waits"),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      kind: fc.constantFrom("unary" as const, "stream" as const),
      timeoutMs: fc.constantFrom(undefined, 50, 5_000),
    }),
  },
  fc.record({ do: fc.constant("abort" as const), call: fc.nat(10) }),
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(0, 0, 1, 100, 3_000) }),
  },
);

/** A service of three instances that do what they are told, and write down what they are asked. */
function service() {
  const directory = new FakeDirectory();
  const clock = new ManualClock();
  const dials = new Map<string, "up" | "down" | "waits">();
  const fates = new Map<string, Fate>();
  const live = new Set<object>();
  const attempts: { readonly call: string; readonly link: object; readonly fate: Fate }[] = [];
  const strayed: string[] = [];

  function createTransport(endpoint: { readonly address: string }): EndpointConnection {
    const closing = new AbortController();
    const until = (signal: AbortSignal | undefined): Promise<never> =>
      new Promise((_, reject) => {
        const onClose = (): void => {
          signal?.removeEventListener("abort", onAbort);
          reject(unavailable("unknown"));
        };
        const onAbort = (): void => {
          closing.signal.removeEventListener("abort", onClose);
          reject(signal?.reason);
        };
        closing.signal.addEventListener("abort", onClose, { once: true });
        signal?.addEventListener("abort", onAbort, { once: true });
        if (closing.signal.aborted) onClose();
      });
    const serve = async (
      header: ConstructorParameters<typeof Headers>[0],
      signal: AbortSignal | undefined,
    ): Promise<void> => {
      const fate = fates.get(endpoint.address) ?? "answered";
      const call = new Headers(header).get("call") ?? "";
      attempts.push({ call, link, fate });
      const known = [...(directory.endpoints?.values() ?? [])];
      if (!known.some((one) => one.address === endpoint.address)) strayed.push(call);
      if (fate === "waits") await until(signal);
      if (fate !== "answered" && fate !== "waits") throw unavailable(fate);
    };
    const answer = { service: Echo, header: new Headers(), trailer: new Headers() };
    const unary: Transport["unary"] = async (method, signal, _timeoutMs, header) => {
      await serve(header, signal);
      return { ...answer, stream: false, method, message: create(method.output) };
    };
    const stream: Transport["stream"] = async (method, signal, _timeoutMs, header) => {
      await serve(header, signal);
      const message = (async function* () {
        yield create(method.output);
        await until(signal);
      })();
      return { ...answer, stream: true, method, message };
    };
    const link: EndpointConnection = {
      unary,
      stream,
      async connect(signal) {
        const fate = dials.get(endpoint.address) ?? "up";
        if (fate === "waits") await until(signal);
        if (fate === "down") throw new Error("refused");
      },
      close() {
        live.delete(link);
        closing.abort();
      },
    };
    live.add(link);
    return link;
  }
  return { directory, clock, dials, fates, live, attempts, strayed, createTransport };
}

it("settles every call, repeats none that may have been done, and leaves nothing, in whatever order things happen", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), fc.boolean(), async (steps, inTurn) => {
      const { directory, clock, dials, fates, live, attempts, strayed, createTransport } = service();
      const policy = inTurn ? "round-robin" : "pick-first";
      const transport = createDirectoryTransport({ directory, clock, policy, createTransport });
      const callers: AbortController[] = [];
      const calls: Promise<unknown>[] = [];
      const streams = new Set<string>();

      const call = async (kind: "unary" | "stream", timeoutMs: number | undefined): Promise<void> => {
        const id = String(calls.length);
        const caller = new AbortController();
        callers.push(caller);
        const header = { call: id };
        const { unary, serverStream } = Echo.method;
        if (kind === "unary")
          return void (await transport.unary(unary, caller.signal, timeoutMs, header, {}));
        streams.add(id);
        const requests = (async function* () {})();
        const { message } = await transport.stream(serverStream, caller.signal, timeoutMs, header, requests);
        for await (const _ of message);
      };
      for (const one of steps) {
        if (one.do === "become") directory.become(...one.addresses);
        else if (one.do === "dial") dials.set(one.address, one.fate);
        else if (one.do === "serve") fates.set(one.address, one.fate);
        else if (one.do === "abort") callers[one.call]?.abort(new Error("enough"));
        else if (one.do === "advance") await clock.advance(one.ms);
        else calls.push(call(one.kind, one.timeoutMs).catch(() => undefined));
      }
      await transport.close();
      await Promise.all(calls);

      expect(live.size).toBe(0);
      expect(strayed).toEqual([]);
      expect(clock.timers).toEqual([]);
      expect(directory.listeners.size).toBe(0);
      for (const { signal } of callers) expect(getEventListeners(signal, "abort")).toEqual([]);
      for (const [id] of calls.entries()) {
        const own = attempts.filter((attempt) => attempt.call === String(id));
        const earlier = own.slice(0, -1);
        expect(earlier.every(({ fate }) => fate === "unsent" || fate === "refused")).toBe(true);
        expect(new Set(own.map(({ link }) => link)).size).toBe(own.length);
        if (streams.has(String(id))) expect(own.length).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 300 },
  );
});
