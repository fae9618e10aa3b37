import { type FrameTypeName, frameHeaderBytes, frameTypes } from "./frame.js";

/**
 * Makes a frame (RFC 9113, 4.1). Nothing is checked: it may be one that no peer should ever send.
 *
 * @param type - By name, or by number for one that nobody knows.
 */
export function buildFrame(
  type: FrameTypeName | number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(typeof type === "number" ? type : frameTypes[type], 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** Says that no stream beyond `lastStreamId` was or will be looked at (RFC 9113, 6.8). */
export function goawayFrame(lastStreamId: number, errorCode = 0, debug = ""): Buffer {
  return buildFrame(
    "GOAWAY",
    0,
    0,
    Buffer.concat([uint32(lastStreamId), uint32(errorCode), Buffer.from(debug)]),
  );
}

/** Ends one stream (RFC 9113, 6.4). */
export function rstStreamFrame(streamId: number, errorCode: number): Buffer {
  return buildFrame("RST_STREAM", 0, streamId, uint32(errorCode));
}

/** Asks for a sign of life (RFC 9113, 6.7). `payload` has 8 characters. */
export function pingFrame(payload = "etcdkit!"): Buffer {
  return buildFrame("PING", 0, 0, Buffer.from(payload, "latin1"));
}

/** Changes settings (RFC 9113, 6.5), given by their numbers. */
export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const pairs = Object.entries(settings).map(([id, value]) => {
    const pair = Buffer.alloc(6);
    pair.writeUInt16BE(Number(id));
    pair.writeUInt32BE(value, 2);
    return pair;
  });
  return buildFrame("SETTINGS", 0, 0, Buffer.concat(pairs));
}

/** Gives leave to send more (RFC 9113, 6.9). */
export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return buildFrame("WINDOW_UPDATE", 0, streamId, uint32(increment));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
