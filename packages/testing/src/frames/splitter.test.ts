import { describe, expect, it } from "vitest";
import {
  buildFrame,
  goawayFrame,
  pingFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from "./build.js";
import { clientPreface, describeFrame } from "./frame.js";
import { FrameSplitter } from "./splitter.js";

const frames = [
  settingsFrame({ 3: 100 }),
  buildFrame("HEADERS", 5, 1, Buffer.of(0x88)),
  buildFrame("DATA", 1, 3, Buffer.alloc(300)),
  buildFrame("DATA", 0, 3),
  buildFrame(0xfa, 0xff, 0x7fff_ffff, Buffer.from("x")),
];
const session = Buffer.concat([clientPreface, ...frames]);

describe("FrameSplitter", () => {
  it("finds every frame behind the preface, wherever the bytes are cut", () => {
    for (let cut = 0; cut <= session.length; cut++) {
      const splitter = new FrameSplitter(true);
      const pieces = [...splitter.split(session.subarray(0, cut)), ...splitter.split(session.subarray(cut))];
      const found = pieces.flatMap((piece) => (piece.kind === "frame" ? [piece.frame] : []));
      const other = pieces.flatMap((piece) => (piece.kind === "other" ? [piece.bytes] : []));
      expect(found.map(({ bytes }) => bytes)).toEqual(frames);
      expect(Buffer.concat(other)).toEqual(clientPreface);
      expect(found.map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual([
        [4, 0, 0],
        [1, 5, 1],
        [0, 1, 3],
        [0, 0, 3],
        [0xfa, 0xff, 0x7fff_ffff],
      ]);
      expect(splitter.rest().length).toBe(0);
    }
  });

  it("gives back a frame that never ended", () => {
    const splitter = new FrameSplitter(false);
    const part = pingFrame().subarray(0, 12);
    expect(splitter.split(part)).toEqual([]);
    expect(splitter.rest()).toEqual(part);
  });
});

describe("built frames", () => {
  it("are those of RFC 9113", () => {
    expect(goawayFrame(3, 0xb, "too_many_pings").toString("hex")).toBe(
      `0000160700000000000000000300${"00000b"}${Buffer.from("too_many_pings").toString("hex")}`,
    );
    expect(rstStreamFrame(5, 7).toString("hex")).toBe("00000403000000000500000007");
    expect(windowUpdateFrame(0, 1).toString("hex")).toBe("00000408000000000000000001");
    expect(pingFrame("01234567").toString("hex")).toBe("0000080600000000003031323334353637");
  });

  it("are described by their names", () => {
    expect(describeFrame({ type: 1, streamId: 3 })).toBe("HEADERS on stream 3");
    expect(describeFrame({ type: 6, streamId: 0 })).toBe("PING");
    expect(describeFrame({ type: 0xfa, streamId: 0 })).toBe("frame of type 250");
  });
});
