import { describe, expect, it } from "vitest";
import {
  framesOf,
  goaway,
  ping,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../../test/support/frames.js";
import { FrameType, preface, Setting } from "./frame.js";
import { FrameWriter, writeFrameHeader } from "./frame-writer.js";

const taken = (writer: FrameWriter): Buffer => Buffer.concat(writer.take());

describe("FrameWriter", () => {
  it("writes every frame as RFC 9113 has it", () => {
    const writer = new FrameWriter();
    writer.preface();
    writer.settings([
      [Setting.headerTableSize, 0],
      [Setting.initialWindowSize, 2 ** 31 - 1],
    ]);
    writer.settingsAck();
    writer.ping(Buffer.from("01234567"), true);
    writer.rstStream(7, 8);
    writer.windowUpdate(0, 2 ** 31 - 1);
    writer.goaway(0, 0xb);
    expect(taken(writer)).toEqual(
      Buffer.concat([
        preface,
        settings([1, 0], [4, 2 ** 31 - 1]),
        settingsAck,
        ping("01234567", true),
        rstStream(7, 8),
        windowUpdate(0, 2 ** 31 - 1),
        goaway(0, 0xb),
      ]),
    );
  });

  it("writes lengths and streams up to the largest", () => {
    const header = Buffer.alloc(12);
    writeFrameHeader(header, 2, 2 ** 24 - 1, 0xfa, 0xff, 2 ** 31 - 1);
    expect(header.toString("hex")).toBe("0000fffffffaff7fffffff00");
  });

  it("joins what is written between two takes into one piece", () => {
    const writer = new FrameWriter();
    for (let id = 1; id < 1_000; id += 2) writer.rstStream(id, 8);
    expect(writer.take()).toHaveLength(1);
    expect(writer.pending).toBe(false);
    writer.settingsAck();
    expect(writer.pending).toBe(true);
    expect(taken(writer)).toEqual(settingsAck);
    expect(writer.take()).toEqual([]);
  });

  it("keeps the order across blocks and large payloads", () => {
    const writer = new FrameWriter();
    const expected: Buffer[] = [];
    for (let round = 0; round < 40; round++) {
      const payload = Buffer.alloc(round % 3 === 0 ? 16_384 : 5_000, round);
      writer.frameHeader(payload.length, FrameType.data, 0, 1);
      writer.bytes(payload, 0, payload.length);
      expected.push(payload);
    }
    expect(framesOf(taken(writer)).map(({ payload }) => payload)).toEqual(expected);
  });

  it("hands large payloads on as they are and copies small ones", () => {
    const writer = new FrameWriter();
    const large = Buffer.alloc(16_384, 1);
    const small = Buffer.alloc(100, 2);
    writer.bytes(large, 0, large.length);
    writer.bytes(small, 0, small.length);
    const pieces = writer.take();
    expect(pieces.map((piece) => piece.buffer === large.buffer)).toEqual([true, false]);
    small.fill(9);
    expect(pieces[1]?.every((byte) => byte === 2)).toBe(true);
  });

  it("takes parts of arrays that begin anywhere in their memory", () => {
    const memory = Uint8Array.from({ length: 40_000 }, (_, index) => index % 251);
    const view = memory.subarray(7, 30_007);
    const writer = new FrameWriter();
    writer.bytes(view, 3, 13);
    writer.bytes(view, 13, 20_013);
    expect(taken(writer)).toEqual(Buffer.from(memory.subarray(10, 20_020)));
  });

  it("never writes again where a piece lies that was taken", () => {
    const writer = new FrameWriter();
    writer.ping(Buffer.from("01234567"), false);
    const [first] = writer.take();
    const before = Buffer.from(first ?? []);
    for (let round = 0; round < 10_000; round++) writer.ping(Buffer.from("abcdefgh"), false);
    writer.take();
    expect(first).toEqual(before);
  });

  it("reserves room in one piece, also of more than a block", () => {
    const writer = new FrameWriter();
    writer.settingsAck();
    for (const bytes of [10, 70_000, 65_536, 1]) {
      const buffer = writer.reserve(bytes);
      const { position } = writer;
      expect(buffer.length - position).toBeGreaterThanOrEqual(bytes);
      expect(writer.reserve(bytes)).toBe(buffer);
      buffer.fill(bytes % 256, position, position + bytes);
      writer.advance(bytes);
    }
    const all = taken(writer);
    expect(all.length).toBe(settingsAck.length + 10 + 70_000 + 65_536 + 1);
    expect(all.at(-1)).toBe(1);
  });

  it("counts what was written since the beginning", () => {
    const writer = new FrameWriter();
    writer.preface();
    writer.take();
    writer.rstStream(1, 8);
    writer.bytes(Buffer.alloc(20_000), 0, 20_000);
    expect(writer.written).toBe(24 + 13 + 20_000);
  });
});
