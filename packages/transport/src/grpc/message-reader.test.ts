import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failure } from "../../test/support/failure.js";
import { message } from "../../test/support/frames.js";
import { MessageReader } from "./message-reader.js";

interface Reading {
  readonly reader: MessageReader;
  readonly found: string[];
}

function reading({ maxBytes = 1_000_000, gzip = false } = {}): Reading {
  const found: string[] = [];
  const reader = new MessageReader(maxBytes, gzip, {
    onMessage: (buffer, start, end) => found.push(buffer.toString("latin1", start, end)),
  });
  return { reader, found };
}

/** Reads a piece out of the middle of a chunk that is overwritten right after. */
function feed({ reader }: Reading, bytes: Buffer): void {
  const chunk = Buffer.concat([Buffer.from("<<<"), bytes, Buffer.from(">>>")]);
  reader.read(chunk, 3, 3 + bytes.length);
  chunk.fill(0xff);
}

const texts = ["first", "", "x".repeat(300), "", "last"];
const body = Buffer.concat(texts.map((text) => message(text)));

describe("MessageReader", () => {
  it("finds every message of one piece", () => {
    const read = reading();
    feed(read, body);
    expect(read.found).toEqual(texts);
    expect(read.reader.between).toBe(true);
  });

  it("finds the same wherever the body is cut in two", () => {
    for (let cut = 0; cut <= body.length; cut++) {
      const read = reading();
      feed(read, body.subarray(0, cut));
      feed(read, body.subarray(cut));
      expect(read.found).toEqual(texts);
    }
  });

  it("finds the same wherever it is cut in three, a few bytes apart", () => {
    for (let first = 0; first < body.length; first++) {
      for (let second = first; second < Math.min(body.length, first + 12); second++) {
        const read = reading();
        for (const part of [body.subarray(0, first), body.subarray(first, second), body.subarray(second)])
          feed(read, part);
        expect(read.found).toEqual(texts);
      }
    }
  });

  it("finds the same byte by byte", () => {
    const read = reading();
    for (const byte of body) feed(read, Buffer.of(byte));
    expect(read.found).toEqual(texts);
  });

  it("collects a large message from single bytes in linear time", () => {
    const read = reading({ maxBytes: 10_000_000 });
    const large = message("x".repeat(3_000_000));
    for (let at = 0; at < large.length; at++) read.reader.read(large, at, at + 1);
    expect(read.found[0]?.length).toBe(3_000_000);
  });

  it("keeps messages of different streams apart, and from those that had their room before", () => {
    const sizes = [100, 9_000, 16_384, 65_536, 65_537, 200_000];
    const streams = Array.from({ length: 40 }, (_, i) => {
      const texts = sizes.map((_, round) =>
        String.fromCharCode(97 + ((i + round) % 26)).repeat(sizes[(i + round) % 6] ?? 0),
      );
      return { read: reading(), texts, body: Buffer.concat(texts.map((text) => message(text))) };
    });
    const longest = Math.max(...streams.map((stream) => stream.body.length));
    const pieceBytes = 5_000;
    for (let at = 0; at < longest; at += pieceBytes) {
      for (const { read, body } of streams) {
        if (at < body.length) feed(read, body.subarray(at, at + pieceBytes));
      }
    }
    expect(streams.map(({ read }) => read.found)).toEqual(streams.map(({ texts }) => texts));
  });

  it("is between messages only where one has ended and no other begun", () => {
    const read = reading();
    const ends = new Set(
      texts.map((_, count) => Buffer.concat(texts.slice(0, count).map((text) => message(text))).length),
    );
    for (let at = 0; at < body.length; at++) {
      expect(read.reader.between).toBe(ends.has(at));
      feed(read, body.subarray(at, at + 1));
    }
  });

  it("refuses a message that is too large by its length alone, and takes the largest", () => {
    const read = reading({ maxBytes: 5 });
    feed(read, message("12345"));
    expect(read.found).toEqual(["12345"]);
    const error = failure(() => feed(read, message("123456").subarray(0, 5)));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.kind).toBe("limit");
    expect(error.rawMessage).toBe("an answer of 6 bytes, more than maxReceiveBytes (5)");
  });

  it("allocates for what has arrived, not for what was announced", () => {
    const { reader } = reading({ maxBytes: 2 ** 31 - 1 });
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from(
      { length: 50 },
      () => new MessageReader(2 ** 31 - 1, false, { onMessage: () => undefined }),
    );
    for (const each of [reader, ...readers]) each.read(Buffer.from("007fffffff78", "hex"), 0, 6);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(
      failure(() => reading({ maxBytes: 2 ** 31 - 1 }).reader.read(Buffer.from("00ffffffff", "hex"), 0, 5))
        .kind,
    ).toBe("limit");
  });

  describe("with gzip announced", () => {
    it("takes compressed and plain messages as they come, cut anywhere", () => {
      const mixed = Buffer.concat([
        message(gzipSync("packed"), 1),
        message("plain"),
        message(gzipSync(""), 1),
      ]);
      for (let cut = 0; cut <= mixed.length; cut++) {
        const read = reading({ gzip: true });
        feed(read, mixed.subarray(0, cut));
        feed(read, mixed.subarray(cut));
        expect(read.found).toEqual(["packed", "plain", ""]);
      }
    });

    it("refuses what does not decompress", () => {
      for (const broken of [Buffer.from("no gzip"), gzipSync("cut off").subarray(0, -4), Buffer.alloc(0)]) {
        const error = failure(() => feed(reading({ gzip: true }), message(broken, 1)));
        expect(error.code).toBe(Code.Internal);
        expect(error.kind).toBe("protocol");
      }
    });

    it("stops unpacking a bomb at the limit", () => {
      const bomb = gzipSync(Buffer.alloc(50_000_000));
      expect(bomb.length).toBeLessThan(100_000);
      const error = failure(() => feed(reading({ gzip: true, maxBytes: 100_000 }), message(bomb, 1)));
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(error.rawMessage).toContain("maxReceiveBytes (100000)");
    });
  });

  it("refuses a compressed message when no compression was announced", () => {
    expect(failure(() => feed(reading(), message(gzipSync("x"), 1))).code).toBe(Code.Internal);
  });

  it.each([2, 3, 0x80, 0xff])("refuses the flag %d, which means nothing", (flag) => {
    expect(failure(() => feed(reading({ gzip: true }), message("x", flag))).rawMessage).toContain(
      `flag ${flag}`,
    );
  });
});
