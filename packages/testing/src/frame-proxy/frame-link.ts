import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { Direction } from "../bridge/link.js";
import type { WireFrame } from "../frames/frame.js";
import { FrameSplitter } from "../frames/splitter.js";
import { resetSocket } from "../reset-socket.js";
import { type Outlet, openOutlet, type Portions } from "./outlet.js";
import type { FrameAction } from "./rule.js";

/** One connection of a client, and the one that was made for it to the server. */
export interface FrameLink {
  /** Its place in the order in which connections were accepted, from 1. */
  readonly number: number;
  /** Writes bytes that neither side sent. */
  inject(direction: Direction, bytes: Uint8Array): void;
  hold(direction: Direction): void;
  release(direction: Direction): void;
  end(direction: Direction): void;
  /** Resets both sides (TCP RST): what is under way is lost. */
  cut(): void;
}

/** What a {@link FrameLink} asks its proxy. */
export interface FrameLinkOwner {
  /** What happens to a frame: the actions of all rules that are about it, in order. */
  judge(link: FrameLink, direction: Direction, frame: WireFrame): readonly FrameAction[];
  note(link: FrameLink, action: string): void;
  spent(link: FrameLink, direction: Direction): void;
  closed(link: FrameLink): void;
}

const opposite: Readonly<Record<Direction, Direction>> = { toServer: "toClient", toClient: "toServer" };

/** @param client - An accepted socket that nobody has read from. */
export function openFrameLink(
  number: number,
  client: Socket,
  target: NetConnectOpts,
  portions: Readonly<Record<Direction, Portions>>,
  owner: FrameLinkOwner,
): FrameLink {
  const server = connect({ ...target, allowHalfOpen: true });
  const sockets = { toServer: server, toClient: client };
  const outlets: Readonly<Record<Direction, Outlet>> = {
    toServer: openOutlet(server, portions.toServer, () => owner.spent(link, "toServer")),
    toClient: openOutlet(client, portions.toClient, () => owner.spent(link, "toClient")),
  };
  /** Since when answers are lost, if they are. */
  let losing: { readonly quietMs: number; timer: NodeJS.Timeout | undefined } | undefined;
  let isClosed = false;
  /** Nothing passes any more: the connection is about to be cut. */
  let isDoomed = false;

  function settle(finish: () => void): void {
    if (isClosed) return;
    isClosed = true;
    clearTimeout(losing?.timer);
    for (const outlet of Object.values(outlets)) outlet.close();
    finish();
    owner.closed(link);
  }

  const link: FrameLink = {
    number,
    inject: (direction, bytes) => outlets[direction].write(Buffer.from(bytes)),
    hold: (direction) => outlets[direction].hold(),
    release: (direction) => outlets[direction].release(),
    end: (direction) => outlets[direction].end(),
    cut: () => settle(() => [client, server].map(resetSocket)),
  };

  function carry(direction: Direction): void {
    const splitter = new FrameSplitter(direction === "toServer");
    const source = sockets[opposite[direction]];
    const sink = sockets[direction];
    const outlet = outlets[direction];
    source.on("data", (chunk: Buffer) => {
      for (const piece of splitter.split(chunk)) {
        if (isClosed || isDoomed) return;
        if (piece.kind === "other") outlet.write(piece.bytes);
        else pass(direction, piece.frame);
      }
      if (sink.writableNeedDrain) source.pause();
    });
    sink.on("drain", () => source.resume());
    source.once("end", () => {
      outlet.write(splitter.rest());
      outlet.end();
    });
  }

  function pass(direction: Direction, frame: WireFrame): void {
    const outlet = outlets[direction];
    const actions = owner.judge(link, direction, frame);
    const isLost = actions.some((action) => action.do === "drop") || loseAnswer(direction);
    let { bytes } = frame;
    for (const action of actions) {
      if (action.do === "hold") outlet.hold();
      if (action.do === "corrupt") bytes = corrupted(bytes, action.offset, action.xor);
      if (action.do === "lose-answers") losing = { quietMs: action.quietMs, timer: undefined };
    }
    isDoomed = actions.some((action) => action.do === "cut");
    if (actions.some((action) => action.do === "cut" && action.before === true)) {
      outlet.afterwards(link.cut);
      return;
    }
    // Answers are lost from this very frame on if it is one.
    if (!(isLost || loseAnswer(direction))) outlet.write(bytes);
    for (const action of actions) {
      if (action.do === "inject") {
        outlets[action.other === true ? opposite[direction] : direction].write(Buffer.from(action.bytes));
      }
      if (action.do === "half-close") outlet.end();
      if (action.do === "cut") outlet.afterwards(link.cut);
    }
  }

  /** Whether the frame is an answer that is to be lost; then the silence starts anew. */
  function loseAnswer(direction: Direction): boolean {
    const lost = losing;
    if (lost === undefined || direction !== "toClient") return false;
    clearTimeout(lost.timer);
    lost.timer = setTimeout(() => {
      owner.note(link, "cut after lost answers");
      link.cut();
    }, lost.quietMs);
    return true;
  }

  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    socket.on("error", link.cut);
    socket.on("close", () => {
      if (client.closed && server.closed) settle(() => undefined);
    });
  }
  carry("toServer");
  carry("toClient");
  return link;
}

function corrupted(bytes: Buffer, offset: number, xor: number): Buffer {
  const copy = Buffer.from(bytes);
  if (offset >= copy.length)
    throw new RangeError(`offset: the frame has only ${copy.length} bytes, got ${offset}`);
  copy.writeUInt8(copy.readUInt8(offset) ^ xor, offset);
  return copy;
}
