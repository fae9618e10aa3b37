import { describe, expect, it } from "vitest";
import {
  data,
  frame,
  goaway,
  headers,
  ping,
  settings,
  trailers,
  windowUpdate,
} from "../../test/support/frames.js";
import { createManualClock } from "../../test/support/manual-clock.js";
import { ConnectionViolation, ErrorCode, FrameType, frameHeaderBytes } from "./frame.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";

/** What came out of a reader, with the pieces of DATA put together. */
interface Found {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

function reading(): { readonly reader: FrameReader; readonly found: Found[]; readonly pieces: number[] } {
  const found: Found[] = [];
  const pieces: number[] = [];
  let content: Buffer[] = [];
  let announced = 0;
  const sink: FrameSink = {
    onFrame: (type, flags, streamId, buffer, start, end) => {
      found.push({ type, flags, streamId, payload: buffer.toString("hex", start, end) });
    },
    onData: (flags, streamId, length, frameStart, frameEnd, buffer, start, end) => {
      if (frameStart) {
        content = [];
        announced = length;
      }
      pieces.push(end - start);
      content.push(Buffer.from(buffer.subarray(start, end)));
      if (!frameEnd) return;
      const whole = Buffer.concat(content);
      expect(whole.length).toBe(announced);
      found.push({ type: FrameType.data, flags, streamId, payload: whole.toString("hex") });
    },
  };
  return { reader: new FrameReader(sink, createManualClock()), found, pieces };
}

const session = Buffer.concat([
  settings([4, 65_535], [3, 100]),
  frame(FrameType.settings, 1, 0),
  headers(1, [
    [":status", "200"],
    ["content-type", "application/grpc"],
  ]),
  data(1, Buffer.from("hello")),
  data(1, Buffer.alloc(0)),
  ping(),
  data(3, Buffer.from("x"), { end: true }),
  windowUpdate(0, 1),
  trailers(1),
  frame(0xfa, 0xff, 0x7fff_ffff, Buffer.from("of a type that nobody knows")),
  goaway(3, 0, "bye"),
]);

function readWhole(bytes: Buffer): Found[] {
  const { reader, found } = reading();
  reader.read(bytes);
  return found;
}

describe("FrameReader", () => {
  it("finds every frame of one chunk, with its type, flags, stream and payload", () => {
    expect(
      readWhole(session).map(({ type, flags, streamId, payload }) => [
        type,
        flags,
        streamId,
        payload.length / 2,
      ]),
    ).toEqual([
      [4, 0, 0, 12],
      [4, 1, 0, 0],
      [1, 4, 1, 44],
      [0, 0, 1, 5],
      [0, 0, 1, 0],
      [6, 0, 0, 8],
      [0, 1, 3, 1],
      [8, 0, 0, 4],
      [1, 5, 1, 15],
      [0xfa, 0xff, 0x7fff_ffff, 27],
      [7, 0, 0, 11],
    ]);
  });

  it("finds the same wherever the bytes are cut in two", () => {
    const whole = readWhole(session);
    for (let cut = 0; cut <= session.length; cut++) {
      const { reader, found } = reading();
      reader.read(session.subarray(0, cut));
      reader.read(session.subarray(cut));
      expect(found).toEqual(whole);
    }
  });

  it("finds the same wherever they are cut in three, within two frames of each other", () => {
    const whole = readWhole(session);
    for (let first = 0; first < session.length; first++) {
      for (let second = first; second <= Math.min(session.length, first + 30); second++) {
        const { reader, found } = reading();
        reader.read(session.subarray(0, first));
        reader.read(session.subarray(first, second));
        reader.read(session.subarray(second));
        expect(found).toEqual(whole);
      }
    }
  });

  it.each([1, 2, 3, 7, 8, 9, 10, 64])("finds the same in slices of %d bytes", (size) => {
    const { reader, found } = reading();
    for (let at = 0; at < session.length; at += size) reader.read(session.subarray(at, at + size));
    expect(found).toEqual(readWhole(session));
  });

  it("finds the same in one giant chunk of a thousand sessions", () => {
    const once = readWhole(session);
    const { reader, found } = reading();
    reader.read(Buffer.concat(Array<Buffer>(1_000).fill(session)));
    expect(found).toHaveLength(1_000 * once.length);
    expect(found.slice(-once.length)).toEqual(once);
  });

  it("takes empty chunks for nothing", () => {
    const { reader, found } = reading();
    for (const byte of session) {
      reader.read(Buffer.alloc(0));
      reader.read(Buffer.of(byte));
    }
    expect(found).toEqual(readWhole(session));
  });

  it("passes DATA on as it comes, and other frames only whole", () => {
    const { reader, found, pieces } = reading();
    reader.read(data(1, Buffer.alloc(100)).subarray(0, frameHeaderBytes + 60));
    expect(pieces).toEqual([60]);
    reader.read(Buffer.alloc(40));
    expect(pieces).toEqual([60, 40]);
    expect(found).toHaveLength(1);
    reader.read(ping().subarray(0, 16));
    expect(found).toHaveLength(1);
    reader.read(ping().subarray(16));
    expect(found).toHaveLength(2);
  });

  it("ignores the reserved bit of a stream's id", () => {
    const bytes = data(5, Buffer.of(1));
    bytes.writeUInt32BE(0x8000_0005, 5);
    expect(readWhole(bytes)[0]?.streamId).toBe(5);
    const other = windowUpdate(5, 1);
    other.writeUInt32BE(0x8000_0005, 5);
    expect(readWhole(other)[0]?.streamId).toBe(5);
  });

  it("takes frames of up to 16,384 bytes, cut or not", () => {
    for (const type of [FrameType.data, 0xfa]) {
      const largest = frame(type, 0, 1, Buffer.alloc(16_384, 7));
      expect(readWhole(largest)).toHaveLength(1);
      const { reader, found } = reading();
      for (let at = 0; at < largest.length; at += 1_000) reader.read(largest.subarray(at, at + 1_000));
      expect(found).toEqual(readWhole(largest));
    }
  });

  it.each([FrameType.data, FrameType.headers, 0xfa])(
    "refuses a frame of type %d of more, by its header alone",
    (type) => {
      const header = frame(type, 0, 1, Buffer.alloc(16_385)).subarray(0, frameHeaderBytes);
      for (const cut of [0, 3, 8]) {
        const { reader, found } = reading();
        let thrown: unknown;
        try {
          reader.read(header.subarray(0, cut));
          reader.read(header.subarray(cut));
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(ConnectionViolation);
        expect(thrown).toHaveProperty("code", ErrorCode.frameSizeError);
        expect(found).toEqual([]);
      }
    },
  );

  it("ignores what follows when it is stopped, also from within", () => {
    let frames = 0;
    const sink: FrameSink = {
      onFrame: () => {
        frames++;
        reader.stop();
      },
      onData: () => undefined,
    };
    const reader: FrameReader = new FrameReader(sink, createManualClock());
    reader.read(Buffer.concat([ping(), ping()]));
    reader.read(ping());
    expect(frames).toBe(1);
  });
});
