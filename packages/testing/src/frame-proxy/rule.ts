import type { Direction } from "../bridge/link.js";
import { type FrameTypeName, frameTypes, type WireFrame } from "../frames/frame.js";

/** Which frames a rule is about. What is left out does not matter. */
export interface FrameMatch {
  readonly direction: Direction;
  readonly type?: FrameTypeName | number | undefined;
  /** 0 stands for the connection. */
  readonly streamId?: number | undefined;
  /** Whether the frame has the flag END_STREAM (of DATA and HEADERS). */
  readonly endStream?: boolean | undefined;
  /** Which connection, counted from 1 in the order in which they were accepted. */
  readonly connection?: number | undefined;
  /** At which such frame of a connection the rule acts, counted from 1. Default 1. */
  readonly nth?: number | undefined;
  /** Act at this one and at every one after it. Default `false`. */
  readonly andLater?: boolean | undefined;
}

/**
 * What a rule does.
 *
 * - `pass`: nothing, but {@link FrameRule.hits} counts.
 * - `drop`: the frame is lost.
 * - `hold`: the frame, and all behind it that way, waits for `release()`.
 * - `cut`: the connection is reset (TCP RST), behind the frame or `before` it.
 * - `half-close`: behind the frame nothing more goes that way.
 * - `inject`: bytes follow the frame, that way or the `other` way. They need not be frames.
 * - `corrupt`: the bits of `xor` are turned in the byte at `offset` of the frame, its header included.
 * - `lose-answers`: from this frame on nothing reaches the client; when the server has said nothing for `quietMs` the
 *   connection is reset. So what the client asked was done, and it cannot know.
 */
export type FrameAction =
  | { readonly do: "pass" | "drop" | "hold" | "half-close" }
  | { readonly do: "cut"; readonly before?: boolean | undefined }
  | { readonly do: "inject"; readonly bytes: Uint8Array; readonly other?: boolean | undefined }
  | { readonly do: "corrupt"; readonly offset: number; readonly xor: number }
  | { readonly do: "lose-answers"; readonly quietMs: number };

/** A rule that is in force. */
export interface FrameRule {
  /** How often it has acted. */
  readonly hits: number;
  /** Resolves when it has acted `count` times. Rejects when the proxy closes before. */
  hit(count?: number): Promise<void>;
  /** It acts no more. */
  remove(): void;
}

/** Whether a rule is about a frame, but for its number. */
export function matches(
  match: FrameMatch,
  direction: Direction,
  connection: number,
  frame: WireFrame,
): boolean {
  const type = typeof match.type === "string" ? frameTypes[match.type] : match.type;
  const isLast =
    (frame.type === frameTypes.DATA || frame.type === frameTypes.HEADERS) && (frame.flags & 1) === 1;
  return (
    match.direction === direction &&
    (type === undefined || type === frame.type) &&
    (match.streamId === undefined || match.streamId === frame.streamId) &&
    (match.endStream === undefined || match.endStream === isLast) &&
    (match.connection === undefined || match.connection === connection)
  );
}

/** @throws RangeError for numbers that mean nothing. */
export function checkRule(match: FrameMatch, action: FrameAction): void {
  for (const name of ["nth", "connection"] as const) {
    const value = match[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`${name}: expected a whole number, 1 or more, got ${value}`);
    }
  }
  if (action.do === "corrupt" && !(Number.isSafeInteger(action.offset) && action.offset >= 0)) {
    throw new RangeError(`offset: expected a whole number, 0 or more, got ${action.offset}`);
  }
  if (action.do === "corrupt" && !(Number.isInteger(action.xor) && action.xor >= 1 && action.xor <= 255)) {
    throw new RangeError(`xor: expected 1 to 255, got ${action.xor}`);
  }
  if (action.do === "lose-answers" && !(action.quietMs >= 0)) {
    throw new RangeError(`quietMs: expected 0 or more, got ${action.quietMs}`);
  }
}
