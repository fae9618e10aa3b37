import { gzipSync } from "node:zlib";
import { ErrorCode, Setting } from "../../src/http2/frame.js";
import { encoded } from "../support/echo.js";
import {
  block,
  data,
  frame,
  goaway,
  head,
  headers,
  integer,
  message,
  ping,
  rstStream,
  settings,
  settingsAck,
  trailers,
  windowUpdate,
} from "../support/frames.js";
import { huffman } from "../support/hpack.js";
import type { Random } from "./random.js";

/** The streams that a fuzzed connection has; sometimes frames are about others. */
const openIds = [1, 3, 5] as const;
const packed = message(gzipSync(encoded("packed")), 1);
const largest = data(1, Buffer.alloc(16_384));
const numbers = [
  0,
  1,
  5,
  127,
  128,
  255,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 24 - 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const codes = Object.values(ErrorCode);
const settingIds = [...Object.values(Setting), 0, 7, 0xffff];

/** What a server says after its settings: frames that could be, and frames that could not. */
export function serverFrames(random: Random): Buffer[] {
  const frames: Buffer[] = random.oneIn(5) ? [] : politeAnswers(random);
  for (let count = random.oneIn(3) ? 0 : random.below(5); count > 0; count--) {
    frames.splice(random.below(frames.length + 1), 0, anyFrame(random));
  }
  return frames;
}

/** Answers as they should be, interleaved. */
function politeAnswers(random: Random): Buffer[] {
  const queues = openIds.map((id) => [
    random.oneIn(4) ? compressedHead(id) : head(id),
    ...Array.from({ length: id === 1 ? 1 : random.below(4) }, () => body(random, id)),
    random.oneIn(5) ? trailers(id, ["grpc-status", String(random.below(20))]) : trailers(id),
  ]);
  const frames: Buffer[] = [];
  while (true) {
    const left = queues.filter((queue) => queue.length > 0);
    if (left.length === 0) return frames;
    const next = random.pick(left).shift();
    if (next !== undefined) frames.push(next);
  }
}

function body(random: Random, id: number): Buffer {
  const whole = random.oneIn(6)
    ? packed
    : message(encoded(random.bytes(random.below(random.oneIn(20) ? 9_000 : 60))));
  if (!random.oneIn(4)) return data(id, whole);
  const cut = random.below(whole.length);
  return Buffer.concat([data(id, whole.subarray(0, cut)), data(id, whole.subarray(cut))]);
}

function compressedHead(id: number): Buffer {
  return headers(id, [
    [":status", "200"],
    ["content-type", "application/grpc"],
    ["grpc-encoding", "gzip"],
  ]);
}

function anyFrame(random: Random): Buffer {
  const id = random.oneIn(5) ? random.pick([0, 2, 7, 2 ** 31 - 1]) : random.pick(openIds);
  switch (random.below(18)) {
    case 0:
      return data(id, random.bytes(random.below(40)), { end: random.oneIn(4) });
    case 1:
      return frame(0, random.below(256), id, random.bytes(random.below(40)));
    case 2:
      return frame(1, random.below(256), id, headerBlock(random));
    case 3:
      return frame(1, 4 | random.below(2), id, headerBlock(random));
    case 4:
      return frame(9, random.below(256), id, headerBlock(random));
    case 5: {
      const whole = headerBlock(random);
      const cut = random.below(whole.length + 1);
      return Buffer.concat([
        frame(1, random.below(2), id, whole.subarray(0, cut)),
        frame(9, 4, id, whole.subarray(cut)),
      ]);
    }
    case 6:
      return rstStream(id, random.oneIn(4) ? random.pick(numbers) : random.pick(codes));
    case 7:
      return settings(
        ...Array.from(
          { length: random.below(4) },
          () => [random.pick(settingIds), random.pick(numbers)] as const,
        ),
      );
    case 8:
      return settingsAck;
    case 9:
      return ping("01234567", random.oneIn(2));
    case 10:
      return goaway(
        random.oneIn(3) ? random.pick(numbers) & 0x7fff_ffff : random.below(7),
        random.pick(codes),
        "debug",
      );
    case 11:
      return windowUpdate(random.oneIn(2) ? 0 : id, random.pick(numbers));
    case 12:
      return frame(random.below(256), random.below(256), id, random.bytes(random.below(30)));
    case 13:
      return frame(random.below(10), random.below(256), id, random.bytes(random.below(12)));
    case 14:
      return frame(2, 0, id, random.bytes(5));
    case 15:
      return data(
        id,
        Buffer.concat([Buffer.of(random.below(4)), uint32(random.pick(numbers)), random.bytes(10)]),
      );
    case 16:
      return random.oneIn(10) ? largest : ping();
    default:
      return random.oneIn(2) ? head(id) : trailers(id);
  }
}

/** A header block that is well-formed, nearly so, or nonsense (RFC 7541). */
export function headerBlock(random: Random): Buffer {
  if (random.oneIn(6)) return random.bytes(random.below(60));
  const parts: Buffer[] = [];
  for (let count = random.below(6); count > 0; count--) parts.push(field(random));
  return Buffer.concat(parts);
}

const names = [
  ":status",
  "content-type",
  "grpc-status",
  "grpc-message",
  "grpc-encoding",
  "x",
  "",
  "te",
  "key-bin",
];
const values = [
  "200",
  "100",
  "404",
  "application/grpc",
  "text/html",
  "0",
  "7",
  "gzip",
  "br",
  "%E4%",
  "",
  "\0\n\xff",
];

function field(random: Random): Buffer {
  switch (random.below(8)) {
    case 0:
      return integer(0x80, 7, random.oneIn(3) ? random.pick(numbers) : random.below(70));
    case 1:
      return integer(0x20, 5, random.oneIn(2) ? 0 : random.pick(numbers));
    case 2:
      return Buffer.concat([integer(random.pick([0x40, 0x00, 0x10]), 4, random.below(62)), text(random)]);
    case 3:
      return Buffer.concat([integer(0x40, 6, random.below(80)), text(random)]);
    case 4:
      return block([[random.pick(names), random.pick(values)]]);
    default:
      return Buffer.concat([Buffer.of(random.pick([0x40, 0x00, 0x10])), text(random, names), text(random)]);
  }
}

function text(random: Random, choices: readonly string[] = values): Buffer {
  const content = random.pick(choices);
  if (random.oneIn(6))
    return Buffer.concat([integer(random.pick([0, 0x80]), 7, random.pick(numbers)), Buffer.from(content)]);
  if (random.oneIn(2)) {
    const packedText = random.oneIn(6) ? random.bytes(random.below(10)) : huffman(content);
    return Buffer.concat([integer(0x80, 7, packedText.length), packedText]);
  }
  return Buffer.concat([integer(0, 7, content.length), Buffer.from(content, "latin1")]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
