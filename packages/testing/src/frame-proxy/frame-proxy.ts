import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Direction } from "../bridge/link.js";
import { type BridgeTarget, schemeOf, targetAddress } from "../bridge/target.js";
import { describeFrame, type WireFrame } from "../frames/frame.js";
import { listen } from "../listen.js";
import { createMilestones, type Milestones } from "../milestones.js";
import { type FrameLink, openFrameLink } from "./frame-link.js";
import type { Portions } from "./outlet.js";
import { checkRule, type FrameAction, type FrameMatch, type FrameRule, matches } from "./rule.js";

/** Something that the proxy did, for the report of a test that failed. */
export interface FrameProxyAction {
  /** Monotonic, from `performance.now()`. */
  readonly atMs: number;
  /** The connection, counted from 1; `undefined` for what concerns all. */
  readonly connection: number | undefined;
  readonly action: string;
}

/**
 * A proxy in front of one plaintext HTTP/2 server that sees frames, not bytes: faults are put at the n-th frame of a kind,
 * not at a time, so that they come at the same place in every run.
 */
export interface FrameProxy extends AsyncDisposable {
  /** What the client is to connect to. */
  readonly endpoint: string;
  readonly port: number;
  /** How many clients are connected. */
  connections(): number;
  /** What was done so far, in order. */
  readonly actions: readonly FrameProxyAction[];
  /** How many frames of a kind have come, over all connections, whatever became of them. */
  seen(match: FrameMatch): number;

  /** From now on, does something at frames of a kind. Rules act in the order in which they were made. */
  when(match: FrameMatch, action: FrameAction): FrameRule;
  /** Writes bytes into every open connection that neither side sent. They need not be frames. */
  inject(direction: Direction, bytes: Uint8Array): void;
  /** Keeps back what goes that way on the connections that are open. */
  hold(direction: Direction): void;
  /** Lets go what was kept back, by a rule or by {@link FrameProxy.hold}. */
  release(direction?: Direction): void;
  /** Writes at most so many bytes at a time; `undefined` ends it. */
  slice(bytes: number | undefined, direction?: Direction): void;
  /** Collects so many bytes before it writes them in one go; `undefined` ends it. */
  coalesce(bytes: number | undefined, direction?: Direction): void;
  /**
   * Carries exactly so many more bytes that way, counted over all connections, then resets the one that the last of them
   * went over.
   *
   * @returns When that has happened.
   */
  cutAfter(bytes: number, direction: Direction): Promise<void>;
  /** Resets every open connection. */
  cut(): void;
  /** Resolves when so many connections were accepted since the proxy was opened. */
  connected(count: number): Promise<void>;
  /** Resets every connection and stops listening. Waits that are not over reject. Idempotent. */
  close(): Promise<void>;
}

interface Rule {
  readonly match: FrameMatch;
  readonly action: FrameAction;
  readonly hits: Milestones;
  /** How many such frames each connection has seen. */
  readonly counts: WeakMap<FrameLink, number>;
}

const directions: readonly Direction[] = ["toServer", "toClient"];

/**
 * Opens a proxy on a free port of the loopback interface.
 *
 * @param target - An `http` or `unix` endpoint, a host and port, or the path of a unix socket.
 */
export async function openFrameProxy(target: BridgeTarget): Promise<FrameProxy> {
  if (schemeOf(target) === "https")
    throw new TypeError("target: frames inside TLS cannot be seen; use an http endpoint");
  const address = targetAddress(target);
  const portions: Readonly<Record<Direction, Portions>> = {
    toServer: newPortions(),
    toClient: newPortions(),
  };
  const links = new Set<FrameLink>();
  const rules = new Set<Rule>();
  const accepted = createMilestones("count");
  const actions: FrameProxyAction[] = [];
  const frames: { readonly direction: Direction; readonly connection: number; readonly frame: WireFrame }[] =
    [];
  const cuts: Partial<Record<Direction, Milestones>> = {};
  let isClosed = false;

  const note = (action: string, connection?: number): void =>
    void actions.push({ atMs: performance.now(), connection, action });

  function judge(link: FrameLink, direction: Direction, frame: WireFrame): readonly FrameAction[] {
    // Of large payloads only the header is kept.
    frames.push({ direction, connection: link.number, frame: { ...frame, bytes: Buffer.alloc(0) } });
    const due: FrameAction[] = [];
    for (const rule of rules) {
      if (!matches(rule.match, direction, link.number, frame)) continue;
      const count = (rule.counts.get(link) ?? 0) + 1;
      rule.counts.set(link, count);
      const { nth = 1, andLater = false } = rule.match;
      if (count !== nth && !(andLater && count > nth)) continue;
      note(`${rule.action.do} at ${describeFrame(frame)} ${direction}`, link.number);
      due.push(rule.action);
      rule.hits.add(1);
    }
    return due;
  }

  function accept(client: Socket): void {
    const link = openFrameLink(accepted.count + 1, client, address, portions, {
      judge,
      note: ({ number }, action) => note(action, number),
      spent: (spentLink, direction) => {
        portions[direction].budget = undefined;
        note(`cut after the last byte ${direction}`, spentLink.number);
        spentLink.cut();
        cuts[direction]?.add(1);
        for (const other of links) other.release(direction);
      },
      closed: (closedLink) => links.delete(closedLink),
    });
    links.add(link);
    accepted.add(1);
  }

  const server = await listen({ host: "127.0.0.1", port: 0 }, () =>
    createServer({ allowHalfOpen: true }, accept),
  );
  const { port } = server.address() as AddressInfo;

  function portion(
    name: "sliceBytes" | "coalesceBytes",
    bytes: number | undefined,
    direction?: Direction,
  ): void {
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 1)) {
      throw new RangeError(`bytes: expected a whole number, 1 or more, got ${bytes}`);
    }
    note(`${name === "sliceBytes" ? "slice" : "coalesce"} ${bytes ?? "no more"}`);
    for (const each of direction === undefined ? directions : [direction]) portions[each][name] = bytes;
  }

  async function end(): Promise<void> {
    isClosed = true;
    const reason = new Error("the proxy was closed");
    for (const link of [...links]) link.cut();
    for (const wait of [accepted, cuts.toServer, cuts.toClient, ...[...rules].map(({ hits }) => hits)])
      wait?.end(reason);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= end();
    return closing;
  };

  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    connections: () => links.size,
    get actions() {
      return [...actions];
    },
    seen: (match) =>
      frames.filter(({ direction, connection, frame }) => matches(match, direction, connection, frame))
        .length,
    when(match, action) {
      checkRule(match, action);
      if (isClosed) throw new Error("the proxy is closed");
      const rule: Rule = { match, action, hits: createMilestones("count"), counts: new WeakMap() };
      rules.add(rule);
      return {
        get hits() {
          return rule.hits.count;
        },
        hit: (count = 1) => rule.hits.reached(count),
        remove: () => void rules.delete(rule),
      };
    },
    inject(direction, bytes) {
      note(`inject ${bytes.length} bytes ${direction}`);
      for (const link of links) link.inject(direction, bytes);
    },
    hold(direction) {
      note(`hold ${direction}`);
      for (const link of links) link.hold(direction);
    },
    release(direction) {
      note(`release ${direction ?? "both ways"}`);
      for (const link of links)
        for (const each of direction === undefined ? directions : [direction]) link.release(each);
    },
    slice: (bytes, direction) => portion("sliceBytes", bytes, direction),
    coalesce: (bytes, direction) => portion("coalesceBytes", bytes, direction),
    async cutAfter(bytes, direction) {
      if (!Number.isSafeInteger(bytes) || bytes < 1)
        throw new RangeError(`bytes: expected a whole number, 1 or more, got ${bytes}`);
      if (isClosed) throw new Error("the proxy is closed");
      note(`cut after ${bytes} bytes ${direction}`);
      cuts[direction]?.end(new Error("another cut was ordered that way"));
      const cut = createMilestones("cuts");
      cuts[direction] = cut;
      portions[direction].budget = bytes;
      await cut.reached(1);
    },
    cut() {
      note("cut");
      for (const link of [...links]) link.cut();
    },
    connected: (count) => accepted.reached(count),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function newPortions(): Portions {
  return { sliceBytes: undefined, coalesceBytes: undefined, budget: undefined };
}
