import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { down, encoded, once } from "../test/support/echo.js";
import {
  data,
  frame,
  goaway,
  head,
  message,
  settings,
  settingsAck,
  trailers,
} from "../test/support/frames.js";
import { greet, readyLink, type TestLink, testLink } from "../test/support/link.js";
import { turn } from "../test/support/manual-clock.js";
import { outcomeOf } from "../test/support/outcome.js";
import { Wire } from "../test/support/wire.js";
import { failureText } from "./failure-text.js";
import { ErrorCode, FrameType } from "./http2/frame.js";
import { createHttp2Transport } from "./http2-transport.js";

const forever: AbortSignal = new AbortController().signal;
const call = (link: Pick<TestLink, "transport">, signal?: AbortSignal) =>
  outcomeOf(link.transport.unary(once, signal, undefined, undefined, {}));

function states({ transport }: TestLink): string[] {
  const seen: string[] = [];
  transport.subscribe(({ state, reason }) =>
    seen.push(reason === undefined ? state : `${state}: ${failureText(reason)}`),
  );
  return seen;
}

describe("the link", () => {
  it("is idle until it is asked for, then connecting, then ready", async () => {
    const link = testLink();
    const seen = states(link);
    expect(link.transport.state).toBe("idle");
    expect(link.wires).toEqual([]);
    await greet(link);
    expect(link.transport.state).toBe("ready");
    expect(seen).toEqual(["connecting", "ready"]);
  });

  it("is dialled once for all that ask at the same time, and not again while it is up", async () => {
    const link = testLink();
    const asked = [link.transport.connect(forever), link.transport.connect(forever)];
    await turn();
    link.wire.say(settings());
    await Promise.all(asked);
    await link.transport.connect(forever);
    expect(link.wires).toHaveLength(1);
  });

  it("fails with the reason of the dial, and may be asked for again", async () => {
    const link = testLink();
    const seen = states(link);
    const asked = outcomeOf(link.transport.connect(forever));
    await turn();
    link.wire.say(Buffer.from("HTTP/1.1 400 Bad Request\r\n"));
    await turn();
    expect(asked.error).toMatchObject({
      rawMessage: "the server speaks HTTP/1.1, not HTTP/2",
      kind: "protocol",
      disposition: "unsent",
    });
    expect(link.transport.state).toBe("failed");
    await greet(link);
    expect(seen).toEqual([
      "connecting",
      "failed: the server speaks HTTP/1.1, not HTTP/2",
      "connecting",
      "ready",
    ]);
  });

  it("gives up when the signal aborts, with its reason, and hangs up", async () => {
    const link = testLink();
    const controller = new AbortController();
    const reason = new Error("took too long");
    const asked = outcomeOf(link.transport.connect(controller.signal));
    await turn();
    controller.abort(reason);
    await turn();
    expect(asked.error).toBe(reason);
    expect(link.wire.destroyed).toBe(true);
    expect(outcomeOf(link.transport.connect(AbortSignal.abort(reason))).settled).toBe(false);
    await turn();
    expect(link.transport.state).toBe("failed");
  });

  it("fails, rather than be ready, when the server comes and goes in one breath", async () => {
    for (const bytes of [
      Buffer.concat([settings(), goaway(0)]),
      Buffer.concat([settings(), frame(FrameType.ping, 0, 0, Buffer.alloc(1))]),
    ]) {
      const link = testLink();
      const asked = outcomeOf(link.transport.connect(forever));
      await turn();
      link.wire.say(bytes);
      await turn();
      expect(asked.error).toMatchObject({ rawMessage: "the server closed the connection", kind: "link" });
      expect(link.transport.state).toBe("failed");
      await greet(link);
      expect(link.transport.state).toBe("ready");
    }
  });

  it("is idle again when the connection breaks, with the reason", async () => {
    const link = await readyLink();
    const seen = states(link);
    link.wire.destroy(new Error("read ECONNRESET"));
    await turn();
    expect(seen).toEqual(["idle: read ECONNRESET"]);
  });

  it("is idle as soon as the server goes away, and the next one takes over while old calls finish", async () => {
    const link = await readyLink();
    const old = call(link);
    const [first] = link.wires;
    first?.say(goaway(1));
    await turn();
    expect(link.transport.state).toBe("idle");
    await greet(link);
    const next = call(link);
    await turn();
    link.wire.say(head(1), data(1, message(encoded("new"))), trailers(1));
    first?.say(head(1), data(1, message(encoded("old"))), trailers(1));
    await turn();
    expect(Buffer.from(old.value?.message.value ?? []).toString()).toBe("old");
    expect(Buffer.from(next.value?.message.value ?? []).toString()).toBe("new");
    expect(first?.destroyed).toBe(true);
    expect(link.transport.state).toBe("ready");
  });

  it("pings half as often after the server has found it too much, on the next connection too", async () => {
    const link = await readyLink({ keepAlive: { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: true } });
    link.wire.say(goaway(0, ErrorCode.enhanceYourCalm, "too_many_pings"));
    await turn();
    await greet(link);
    link.clock.advance(10_000);
    await turn();
    expect(link.wire.heard()).toEqual([]);
    link.clock.advance(10_000);
    await turn();
    expect(link.wire.heard()).toMatchObject([{ type: FrameType.ping }]);
  });

  it("tells nobody who has unsubscribed", async () => {
    const link = testLink();
    const seen: string[] = [];
    const unsubscribe = link.transport.subscribe(({ state }) => seen.push(state));
    unsubscribe();
    await greet(link);
    expect(seen).toEqual([]);
  });
});

describe("closing", () => {
  it("fails every call, under way, waiting or on a connection that drains, and hangs up", async () => {
    const link = await readyLink({}, [3, 1]);
    const old = call(link);
    link.wire.say(goaway(1));
    await turn();
    await greet(link, [3, 1]);
    const calls = [call(link), call(link)];
    await turn();
    await link.transport.close();
    await turn();
    expect(link.wires.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    expect([old, ...calls].map(({ error }) => (error as { disposition: string }).disposition)).toEqual([
      "unknown",
      "unknown",
      "unsent",
    ]);
    expect(link.transport.state).toBe("closed");
    expect(link.clock.timers).toBe(0);
  });

  it("is for good, and may be done twice", async () => {
    const link = await readyLink();
    const seen = states(link);
    await link.transport.close();
    await link.transport.close();
    expect(seen).toEqual(["closed"]);
    await expect(link.transport.connect(forever)).rejects.toMatchObject({
      code: Code.Unavailable,
      disposition: "unsent",
      rawMessage: "the transport is closed",
    });
    const outcome = call(link);
    const streamed = outcomeOf(link.transport.stream(down, undefined, 1_000, undefined, emptyInput()));
    await turn();
    expect(outcome.error).toMatchObject({ code: Code.Unavailable, disposition: "unsent" });
    expect(streamed.error).toMatchObject({ code: Code.Unavailable, disposition: "unsent" });
  });

  it("ends a dial that is under way, at each of its stages", async () => {
    const link = testLink();
    const greeting = outcomeOf(link.transport.connect(forever));
    await turn();
    await link.transport.close();
    await turn();
    expect(greeting.error).toMatchObject({ rawMessage: "the transport is closed" });
    expect(link.wire.destroyed).toBe(true);

    const wire = new Wire();
    let give: (wire: Wire) => void = () => undefined;
    const transport = createHttp2Transport({
      endpoint: { target: { path: "/none" }, tls: false, authority: "x", serverName: "x" },
      dial: () => new Promise((resolve) => (give = resolve)),
    });
    const dialling = outcomeOf(transport.connect(forever));
    await transport.close();
    give(wire);
    await turn();
    expect(dialling.error).toMatchObject({ rawMessage: "the transport is closed" });
    expect(wire.destroyed).toBe(true);
  });

  it("leaves nothing to be told by a server that speaks on", async () => {
    const link = await readyLink();
    const outcome = call(link);
    await turn();
    await link.transport.close();
    link.wire.push(Buffer.concat([settingsAck, head(1), trailers(1)]));
    await turn();
    expect(outcome.error).toMatchObject({ rawMessage: "the transport was closed" });
  });
});

async function* emptyInput(): AsyncGenerator<Record<string, never>> {
  // No requests.
}
