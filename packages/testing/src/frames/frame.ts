/** The types of HTTP/2 frames by name (RFC 9113, 6). */
export const frameTypes = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** The name of a type of frame. */
export type FrameTypeName = keyof typeof frameTypes;

/** One frame as it is on the wire, with its header read. */
export interface WireFrame {
  /** The number of the type; see {@link frameTypes}. */
  readonly type: number;
  readonly flags: number;
  /** 0 for the connection. */
  readonly streamId: number;
  /** The whole frame, its header of 9 bytes first. */
  readonly bytes: Buffer;
}

/** Bytes in front of every frame's payload (RFC 9113, 4.1). */
export const frameHeaderBytes = 9;

/** What a client says first (RFC 9113, 3.4). */
export const clientPreface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** What a frame is called in a report: `HEADERS on stream 1`. */
export function describeFrame({ type, streamId }: Pick<WireFrame, "type" | "streamId">): string {
  const name =
    Object.entries(frameTypes).find(([, number]) => number === type)?.[0] ?? `frame of type ${type}`;
  return streamId === 0 ? name : `${name} on stream ${streamId}`;
}
