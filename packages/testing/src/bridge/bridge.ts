import { type AddressInfo, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { listen } from "../listen.js";
import { createMilestones, type Milestones } from "../milestones.js";
import type { LaneRules } from "./lane.js";
import { type Direction, type Link, openLink } from "./link.js";
import { type BridgeTarget, schemeOf, targetAddress } from "./target.js";

/** What {@link openBridge} takes: how clients reach the bridge. */
export interface BridgeOptions {
  /** The address to listen on. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** The port to listen on, 1 to 65535, so that bridges on several hosts are one name's. Default: a free one. */
  readonly port?: number | undefined;
  /** Of {@link Bridge.endpoint}. Default: as the target's, `http` where that has none. TLS passes through untouched. */
  readonly scheme?: "http" | "https" | undefined;
}

/** Something that was done to the bridge, for the report of a test that failed. */
export interface BridgeAction {
  /** Monotonic, from `performance.now()`. */
  readonly atMs: number;
  readonly action: string;
}

/**
 * A TCP proxy in front of one server, to be broken at will.
 *
 * The flow is one of {@link Bridge.pass}, {@link Bridge.blackhole}, {@link Bridge.stall}, {@link Bridge.refuse} and
 * {@link Bridge.dropAnswersThenCut}; the last one called holds, at once for the open connections. What it resolves with
 * is that it also holds for new ones.
 */
export interface Bridge extends AsyncDisposable {
  /** What the client is to connect to. It stays the same for the life of the bridge. */
  readonly endpoint: string;
  readonly port: number;
  /** How many clients are connected. */
  connections(): number;
  /** Bytes carried so far. */
  forwarded(direction: Direction): number;
  readonly actions: readonly BridgeAction[];

  /** Carries everything, also what was held back. */
  pass(): Promise<void>;
  /** Carries nothing that way; connections stay open, new ones are taken. Held bytes arrive after {@link Bridge.pass}. */
  blackhole(direction?: Direction | "both"): Promise<void>;
  /** Like a black hole both ways, and new connections do not even reach the server. */
  stall(): Promise<void>;
  /** Stops listening: new connections are refused. Open ones go on. */
  refuse(): Promise<void>;
  /**
   * Carries requests and throws answers away; a connection on which the server has said something is reset once it has
   * said nothing more for `quietMs`. So the requests were carried out and the client cannot know. Then passes again.
   *
   * @param options - `quietMs`: default 100. `times`: how many connections meet this fate, default 1.
   * @returns When the last of them was reset.
   * @throws Error when another flow is chosen, or the bridge closed, before that.
   */
  dropAnswersThenCut(options?: {
    readonly quietMs?: number | undefined;
    readonly times?: number | undefined;
  }): Promise<void>;

  /** Resets every open connection. New ones are treated by the present flow. */
  cut(): void;
  /**
   * Carries exactly so many more bytes that way, counted over all connections, then resets the one that the last of
   * them went over. New connections pass.
   *
   * @returns When that has happened.
   * @throws Error when it was replaced by a further call, or the bridge closed, before that.
   */
  cutAfter(bytes: number, direction: Direction): Promise<void>;
  /** Tells the receiver of every open connection that nothing more will come that way; the other way stays open. */
  halfClose(direction: Direction): void;
  /** Delays every chunk by `ms`, and at random by up to `jitterMs` more, both ways. 0 ends it. */
  latency(ms: number, jitterMs?: number): void;
  /** New connections go to another server. */
  swap(target: BridgeTarget): void;

  /** Resolves when so many connections were accepted since the bridge was opened. */
  connected(count: number): Promise<void>;
  /** Resolves when so many bytes were carried that way since the bridge was opened. */
  carried(bytes: number, direction: Direction): Promise<void>;
  /** Resets every connection and stops listening. Waits that are not over reject. Idempotent. */
  close(): Promise<void>;
}

interface Flow {
  readonly toServer: LaneRules["flow"];
  readonly toClient: LaneRules["flow"];
  readonly dials: boolean;
  readonly listens: boolean;
}

const passing: Flow = { toServer: "pass", toClient: "pass", dials: true, listens: true };
const directions: readonly Direction[] = ["toServer", "toClient"];

/**
 * Opens a bridge.
 *
 * @param target - An `http`, `https`, `unix` or `unixs` endpoint, a host and port, or the path of a unix socket.
 * @throws RangeError for a port that is none.
 */
export async function openBridge(target: BridgeTarget, options: BridgeOptions = {}): Promise<Bridge> {
  const { host = "127.0.0.1", port: wanted, scheme = schemeOf(target) } = options;
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= 65_535))
    throw new RangeError(`port: expected 1 to 65535, got ${wanted}`);
  const rules: Readonly<Record<Direction, LaneRules>> = { toServer: newRules(), toClient: newRules() };
  const links = new Map<Link, { quiet?: NodeJS.Timeout }>();
  const accepted = createMilestones("count");
  const carried: Readonly<Record<Direction, Milestones>> = {
    toServer: createMilestones("bytes"),
    toClient: createMilestones("bytes"),
  };
  const actions: BridgeAction[] = [];
  let address: NetConnectOpts = targetAddress(target);
  let flow = passing;
  let listener: Promise<Server> | undefined;
  let answersLost:
    | { readonly quietMs: number; readonly times: number; readonly cuts: Milestones }
    | undefined;
  const cuts: Partial<Record<Direction, Milestones>> = {};
  let isClosed = false;

  const note = (action: string): void => void actions.push({ atMs: performance.now(), action });

  function accept(client: Socket): void {
    const link: Link = openLink(client, rules, {
      forwarded: (direction, bytes) => carried[direction].add(bytes),
      dropped: () => loseAnswer(link),
      spent: (direction) => {
        rules[direction].budget = undefined;
        note(`cut after the last byte ${direction}`);
        link.cut();
        cuts[direction]?.add(1);
        for (const other of links.keys()) other.refresh();
      },
      closed: () => {
        clearTimeout(links.get(link)?.quiet);
        links.delete(link);
      },
    });
    links.set(link, {});
    if (flow.dials) link.dial(address);
    accepted.add(1);
  }

  /** The server is answering, and its answer goes nowhere. */
  function loseAnswer(link: Link): void {
    const [state, fate] = [links.get(link), answersLost];
    if (state === undefined || fate === undefined) return;
    clearTimeout(state.quiet);
    state.quiet = setTimeout(() => {
      if (answersLost !== fate) return;
      note("cut after lost answers");
      link.cut();
      fate.cuts.add(1);
      if (fate.cuts.count >= fate.times) void choose(passing, "pass");
    }, fate.quietMs);
  }

  async function choose(next: Flow, action: string): Promise<void> {
    if (isClosed) throw new Error("the bridge is closed");
    note(action);
    flow = next;
    answersLost?.cuts.end(new Error(`the bridge was told to ${action}`));
    answersLost = undefined;
    for (const direction of directions) rules[direction].flow = next[direction];
    for (const link of links.keys()) {
      if (next.dials) link.dial(address);
      link.refresh();
    }
    await (next.listens ? startListening() : stopListening());
  }

  async function startListening(): Promise<void> {
    if (listener !== undefined) return void (await listener);
    const opening = listen({ host, port }, newServer);
    listener = opening;
    opening.catch(() => {
      if (listener === opening) listener = undefined;
    });
    await opening;
  }

  async function stopListening(): Promise<void> {
    const open = listener;
    listener = undefined;
    (await open)?.close();
  }

  const newServer = (): Server => createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept);
  const first = await listen({ host, port: wanted ?? 0 }, newServer);
  const { port } = first.address() as AddressInfo;
  listener = Promise.resolve(first);

  async function end(): Promise<void> {
    isClosed = true;
    const reason = new Error("the bridge was closed");
    for (const link of [...links.keys()]) link.cut();
    for (const wait of [
      accepted,
      carried.toServer,
      carried.toClient,
      answersLost?.cuts,
      cuts.toServer,
      cuts.toClient,
    ]) {
      wait?.end(reason);
    }
    await stopListening();
  }

  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= end();
    return closing;
  }

  return {
    endpoint: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    connections: () => links.size,
    forwarded: (direction) => carried[direction].count,
    get actions() {
      return [...actions];
    },

    pass: () => choose(passing, "pass"),
    blackhole: (direction = "both") =>
      choose(
        {
          ...passing,
          toServer: direction === "toClient" ? "pass" : "hold",
          toClient: direction === "toServer" ? "pass" : "hold",
        },
        `blackhole ${direction}`,
      ),
    stall: () => choose({ ...passing, toServer: "hold", toClient: "hold", dials: false }, "stall"),
    refuse: () => choose({ ...passing, listens: false }, "refuse"),
    async dropAnswersThenCut({ quietMs = 100, times = 1 } = {}) {
      if (!(quietMs >= 0)) throw new RangeError(`quietMs: expected 0 or more, got ${quietMs}`);
      if (!Number.isInteger(times) || times < 1)
        throw new RangeError(`times: expected 1 or more, got ${times}`);
      const chosen = choose({ ...passing, toClient: "drop" }, "drop answers, then cut");
      const fate = { quietMs, times, cuts: createMilestones("times") };
      answersLost = fate;
      await chosen;
      await fate.cuts.reached(times);
    },

    cut() {
      note("cut");
      for (const link of [...links.keys()]) link.cut();
    },
    async cutAfter(bytes, direction) {
      if (!Number.isSafeInteger(bytes) || bytes < 1)
        throw new RangeError(`bytes: expected 1 or more, got ${bytes}`);
      if (isClosed) throw new Error("the bridge is closed");
      note(`cut after ${bytes} bytes ${direction}`);
      cuts[direction]?.end(new Error("another cut was ordered that way"));
      const cut = createMilestones("cuts");
      cuts[direction] = cut;
      rules[direction].budget = bytes;
      await cut.reached(1);
    },
    halfClose(direction) {
      note(`half-close ${direction}`);
      for (const link of links.keys()) link.end(direction);
    },
    latency(ms, jitterMs = 0) {
      if (!(ms >= 0)) throw new RangeError(`ms: expected 0 or more, got ${ms}`);
      if (!(jitterMs >= 0)) throw new RangeError(`jitterMs: expected 0 or more, got ${jitterMs}`);
      note(`latency ${ms} ms + ${jitterMs} ms`);
      for (const direction of directions) Object.assign(rules[direction], { latencyMs: ms, jitterMs });
    },
    swap(next) {
      address = targetAddress(next);
      note(`swap to ${JSON.stringify(address)}`);
    },

    connected: (count) => accepted.reached(count),
    carried: (bytes, direction) => carried[direction].reached(bytes),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function newRules(): LaneRules {
  return { flow: "pass", latencyMs: 0, jitterMs: 0, budget: undefined };
}
