import { FrameType, preface } from "../../src/http2/frame.js";
import { type Frame, framesOf } from "../support/frames.js";

/** What the client has said on one stream. */
interface Said {
  /** Its first bytes, in which the path stands in plain letters. */
  readonly head: Buffer;
  ended: boolean;
  reset: boolean;
}

/** What a client said over the life of a connection, once it was found to be in order. */
export interface ClientSide {
  /** Whether a request to this path was sent to the end. */
  completed(path: string): boolean;
}

/**
 * Checks that a client kept the rules of RFC 9113, whatever the server did.
 *
 * @throws Error that says which rule it broke.
 */
export function checkClient(bytes: Buffer): ClientSide {
  if (bytes.length > 0 && !bytes.subarray(0, preface.length).equals(preface)) throw new Error("no preface");
  const frames = framesOf(bytes);
  if (frames.length > 0 && frames[0]?.type !== FrameType.settings) throw new Error("no SETTINGS first");
  const streams = new Map<number, Said>();
  let lastId = -1;
  for (const [index, frame] of frames.entries()) {
    if (frame.type === FrameType.headers) {
      if (frame.streamId <= lastId || frame.streamId % 2 === 0)
        throw new Error(`HEADERS on stream ${frame.streamId}`);
      lastId = frame.streamId;
      streams.set(frame.streamId, { head: frame.payload, ended: false, reset: false });
    } else if (frame.streamId !== 0) {
      checkOnStream(frame, streams.get(frame.streamId));
    }
    if (frame.type === FrameType.goaway && index < frames.length - 1)
      throw new Error("something behind GOAWAY");
  }
  return {
    completed: (path) => [...streams.values()].some(({ head, ended }) => ended && head.includes(path)),
  };
}

function checkOnStream({ type, flags, streamId }: Frame, said: Said | undefined): void {
  if (said === undefined)
    throw new Error(`a frame of type ${type} on stream ${streamId}, which was never opened`);
  if (said.reset) throw new Error(`a frame of type ${type} behind the reset of stream ${streamId}`);
  if (type === FrameType.rstStream) said.reset = true;
  if (type !== FrameType.data) return;
  if (said.ended) throw new Error(`DATA behind the end of stream ${streamId}`);
  said.ended = (flags & 1) === 1;
}
