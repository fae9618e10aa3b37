import { describe, expect, it } from "vitest";
import {
  block,
  data,
  type Frame,
  frame,
  goaway,
  head,
  headers,
  headFields,
  message,
  ping,
  rstStream,
  settings,
  settingsAck,
  trailers,
  windowUpdate,
} from "../../test/support/frames.js";
import { createManualClock, type ManualClock, turn } from "../../test/support/manual-clock.js";
import { Recorder } from "../../test/support/recorder.js";
import { Wire } from "../../test/support/wire.js";
import { Http2Connection } from "./connection.js";
import { ErrorCode, FrameType, Setting } from "./frame.js";
import type { Stream } from "./stream.js";

interface Link {
  readonly wire: Wire;
  readonly connection: Http2Connection;
  readonly clock: ManualClock;
  /** What the owner was told, in order. */
  readonly told: string[];
  /** What to do when there is room. */
  onRoom: () => void;
  closedBy: Error | undefined;
}

async function opened(...values: readonly (readonly [number, number])[]): Promise<Link> {
  const link = start();
  link.wire.say(settings(...values), settingsAck);
  await turn();
  link.wire.heard();
  return link;
}

function start(): Link {
  const wire = new Wire();
  const clock = createManualClock();
  const told: string[] = [];
  const connection = new Http2Connection(
    wire,
    {
      keepAlive: { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false },
      pace: { slowness: 1 },
      clock,
    },
    {
      onReady: () => told.push("ready"),
      onDraining: (reason) => told.push(`draining: ${reason.message}`),
      onRoom: () => link.onRoom(),
      onClosed: (reason) => {
        told.push(`closed: ${reason.message}`);
        link.closedBy = reason;
      },
    },
  );
  const link: Link = { wire, connection, clock, told, onRoom: () => undefined, closedBy: undefined };
  return link;
}

interface Request {
  readonly stream: Stream;
  readonly recorder: Recorder;
}

/** Opens a stream and sends one message, or nothing yet. */
function request({ connection }: Link, body?: Uint8Array, returnsAtOnce = true): Request {
  const recorder = new Recorder();
  const stream = connection.request(recorder, Buffer.of(0x83), { returnsAtOnce, background: false });
  if (body !== undefined) connection.send(stream, body, true);
  return { stream, recorder };
}

const of = (frames: readonly Frame[], type: number): Frame[] => frames.filter((each) => each.type === type);
const bytesIn = (frames: readonly Frame[]): number =>
  of(frames, FrameType.data).reduce((sum, { payload }) => sum + payload.length, 0);
const shape = ({ type, flags, streamId, payload }: Frame): number[] => [
  type,
  flags,
  streamId,
  payload.length,
];

describe("a connection that starts", () => {
  it("says what it is and what it takes, in one write (RFC 9113, 3.4)", async () => {
    const { wire } = start();
    await turn();
    expect(wire.writes).toHaveLength(1);
    expect(wire.writes[0]?.toString("latin1", 0, 24)).toBe("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const [first, second] = wire.heard();
    const values = [0, 6, 12, 18].map((at) => [
      first?.payload.readUInt16BE(at),
      first?.payload.readUInt32BE(at + 2),
    ]);
    expect(first?.type).toBe(FrameType.settings);
    expect(values).toEqual([
      [Setting.headerTableSize, 0],
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, 2 ** 20],
      [Setting.maxHeaderListSize, 2 ** 16],
    ]);
    expect(second).toMatchObject({ type: FrameType.windowUpdate, streamId: 0 });
    expect(second?.payload.readUInt32BE(0)).toBe(2 ** 24 - 65_535);
  });

  it("is ready when the server's settings have arrived, and acknowledges them", async () => {
    const link = start();
    await turn();
    link.wire.heard();
    expect(link.connection.open).toBe(false);
    link.wire.say(settings([Setting.maxConcurrentStreams, 1]));
    await turn();
    expect(link.told).toEqual(["ready"]);
    expect(link.connection.open).toBe(true);
    expect(link.wire.heard().map(shape)).toEqual([[FrameType.settings, 1, 0, 0]]);
  });

  it.each([
    ["HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "the server speaks HTTP/1.1, not HTTP/2"],
    [
      "TLS",
      Buffer.from("15030100020216", "hex"),
      "the server speaks TLS and this endpoint does not ask for it",
    ],
    ["garbage", Buffer.alloc(4_096, 0xa5), "the server does not speak HTTP/2"],
    ["something short", Buffer.from("hello\n"), "the server does not speak HTTP/2"],
  ])("recognizes a server that answers with %s, in any slices", async (_, answer, expected) => {
    for (const size of [answer.length, 1, 5]) {
      const link = start();
      for (let at = 0; at < answer.length; at += size) link.wire.say(answer.subarray(at, at + size));
      link.wire.hangUp();
      await turn();
      expect(link.closedBy?.message).toBe(expected);
      expect(link.closedBy).toHaveProperty("kind", "protocol");
    }
  });

  it.each([
    ["another frame comes first", ping(), "the first frame is not SETTINGS"],
    ["DATA comes first", data(1, Buffer.of(1)), "DATA where there may be none"],
    ["the first SETTINGS acknowledges", settingsAck, "the first SETTINGS acknowledges"],
    ["a setting is out of range", settings([Setting.maxFrameSize, 1]), "a frame size of 1"],
  ])("closes when %s", async (_, bytes, expected) => {
    const link = start();
    link.wire.say(bytes);
    await turn();
    expect(link.closedBy).toHaveProperty("kind", "protocol");
    expect([link.closedBy?.message, String(link.closedBy?.cause)].join()).toContain(expected);
  });

  it("says that the server hung up, and what that may mean when it did so without a word", async () => {
    for (const [bytes, expected] of [
      [Buffer.alloc(0), "the server closed the connection without a word; it may expect TLS"],
      [settings([3, 1]).subarray(0, 12), "the server closed the connection"],
    ] as const) {
      const link = start();
      link.wire.say(bytes);
      link.wire.hangUp();
      await turn();
      expect(link.closedBy?.message).toBe(expected);
    }
  });
});

describe("a request", () => {
  it("leaves as one write with all others of the same turn", async () => {
    const link = await opened();
    const { writes } = link.wire;
    const before = writes.length;
    for (let count = 0; count < 100; count++) request(link, message("x"));
    await turn();
    expect(writes.length - before).toBe(1);
    const frames = link.wire.heard();
    expect(of(frames, FrameType.headers).map(({ streamId }) => streamId)).toEqual(
      Array.from({ length: 100 }, (_, index) => 2 * index + 1),
    );
    expect(of(frames, FrameType.data).every(({ flags }) => flags === 1)).toBe(true);
  });

  it("may be written in place when it fits", async () => {
    const link = await opened();
    const { stream } = request(link);
    expect(link.connection.data.fits(stream, 16_384)).toBe(true);
    expect(link.connection.data.fits(stream, 16_385)).toBe(false);
    const { buffer, position } = link.connection.data.reserve(5);
    buffer.write("12345", position);
    link.connection.data.commit(stream, 5, true);
    await turn();
    expect(of(link.wire.heard(), FrameType.data)[0]).toMatchObject({
      flags: 1,
      streamId: 1,
      payload: Buffer.from("12345"),
    });
  });

  it("splits a header block of more than a frame into CONTINUATIONs", async () => {
    const link = await opened();
    const long = block([["long", "x".repeat(40_000)]]);
    link.connection.request(new Recorder(), long, { returnsAtOnce: true, background: false });
    await turn();
    const frames = link.wire.heard();
    expect(frames.map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
      [FrameType.headers, 0, 16_384],
      [FrameType.continuation, 0, 16_384],
      [FrameType.continuation, 4, long.length - 2 * 16_384],
    ]);
    expect(Buffer.concat(frames.map(({ payload }) => payload))).toEqual(long);
  });

  it("is answered with headers, data and trailers", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.wire.say(Buffer.concat([head(1), data(1, message("answer")), trailers(1)]));
    await turn();
    expect(recorder.headers).toEqual([
      { fields: headFields.map((field) => [...field]), end: false },
      { fields: [["grpc-status", "0"]], end: true },
    ]);
    expect(recorder.content).toEqual(message("answer"));
    expect(recorder.endings).toEqual([{ how: "ended" }]);
    expect(link.connection.streams).toBe(0);
  });

  it("is cancelled towards the server when the answer is complete before it is (RFC 9113, 8.1)", async () => {
    const link = await opened();
    const { recorder } = request(link);
    link.wire.say(trailers(1));
    await turn();
    expect(recorder.endings).toEqual([{ how: "ended" }]);
    expect(of(link.wire.heard(), FrameType.rstStream)[0]?.payload.readUInt32BE(0)).toBe(ErrorCode.noError);
  });

  it("may end with DATA instead of trailers", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.wire.say(head(1), data(1, message("answer"), { end: true }));
    await turn();
    expect(recorder.endings).toEqual([{ how: "ended" }]);
  });

  it("passes over interim answers, priorities, padding and frames of unknown types", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    const padded = Buffer.concat([Buffer.of(3), Buffer.from("answer"), Buffer.alloc(3)]);
    const paddedHead = Buffer.concat([Buffer.of(2), Buffer.alloc(5), block(headFields), Buffer.alloc(2)]);
    link.wire.say(
      headers(1, [[":status", "103"]]),
      frame(FrameType.priority, 0, 1, Buffer.alloc(5)),
      frame(0xfa, 0xff, 1, Buffer.alloc(100)),
      frame(FrameType.headers, 4 | 8 | 0x20, 1, paddedHead),
      frame(FrameType.data, 8, 1, padded),
      frame(FrameType.headers, 1, 1, block([["grpc-status", "0"]]).subarray(0, 4)),
      frame(FrameType.continuation, 0, 1),
      frame(FrameType.continuation, 4, 1, block([["grpc-status", "0"]]).subarray(4)),
    );
    await turn();
    expect(recorder.headers).toHaveLength(2);
    expect(recorder.content.toString()).toBe("answer");
    expect(recorder.endings).toEqual([{ how: "ended" }]);
  });

  it.each([
    ["DATA before the headers", data(1, Buffer.of(1)), ErrorCode.protocolError],
    ["a second head", Buffer.concat([head(1), head(1)]), ErrorCode.protocolError],
    ["a window that grows by nothing", windowUpdate(1, 0), ErrorCode.protocolError],
    ["a window that overflows", windowUpdate(1, 2 ** 31 - 1), ErrorCode.flowControlError],
  ])("is reset for %s, which hurts no other (RFC 9113, 5.4.2)", async (_, bytes, code) => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    const other = request(link, message("y"));
    link.wire.say(bytes);
    await turn();
    expect(recorder.disposition).toBe("unknown");
    expect(
      of(link.wire.heard(), FrameType.rstStream).map(({ streamId, payload }) => [
        streamId,
        payload.readUInt32BE(0),
      ]),
    ).toEqual([[1, code]]);
    expect(other.recorder.endings).toEqual([]);
    expect(link.connection.open).toBe(true);
  });

  it("ignores what the server still says on a stream that was reset", async () => {
    const link = await opened();
    const { stream, recorder } = request(link, message("x"));
    link.connection.reset(stream, ErrorCode.cancel);
    link.wire.say(head(1), data(1, message("late")), windowUpdate(1, 5), trailers(1), rstStream(1, 8));
    await turn();
    expect(recorder.endings).toEqual([]);
    expect(recorder.headers).toEqual([]);
    expect(link.connection.open).toBe(true);
  });

  it("takes the late answers to any number of streams that were reset at once for no flood", async () => {
    const link = await opened();
    const requests = Array.from({ length: 15_000 }, () => request(link, message("x")));
    for (const { stream } of requests) link.connection.reset(stream, ErrorCode.cancel);
    const { recorder } = request(link, message("x"));
    await turn();
    for (const { stream } of requests) {
      link.wire.say(head(stream.id), data(stream.id, message("late")), trailers(stream.id));
    }
    await turn();
    expect(link.closedBy).toBeUndefined();
    expect(recorder.endings).toEqual([]);
  });

  it("ignores the rest of a DATA frame in whose middle the stream was reset", async () => {
    const link = await opened();
    const { stream, recorder } = request(link, message("x"));
    const bytes = data(1, Buffer.alloc(1_000));
    link.wire.say(head(1), bytes.subarray(0, 500));
    await turn();
    link.connection.reset(stream, ErrorCode.cancel);
    link.wire.say(bytes.subarray(500), ping());
    await turn();
    expect(recorder.content.length).toBe(491);
    expect(of(link.wire.heard(), FrameType.ping)).toHaveLength(1);
  });
});

describe("what the server resets", () => {
  it.each([
    [ErrorCode.refusedStream, "refused", "REFUSED_STREAM"],
    [ErrorCode.cancel, "unknown", "CANCEL"],
    [ErrorCode.internalError, "unknown", "INTERNAL_ERROR"],
    [ErrorCode.noError, "unknown", "NO_ERROR"],
    [ErrorCode.enhanceYourCalm, "unknown", "ENHANCE_YOUR_CALM"],
    [0xdead, "unknown", "error code 57005"],
  ])("with code %d is %s", async (code, disposition, name) => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.wire.say(rstStream(1, code));
    await turn();
    expect(recorder.ending).toMatchObject({ how: "failed", disposition, code });
    expect(recorder.ending).toHaveProperty("reason.message", `the server reset the stream (${name})`);
    expect(link.connection.streams).toBe(0);
    expect(of(link.wire.heard(), FrameType.rstStream)).toEqual([]);
  });
});

describe("a request that the server has begun to answer", () => {
  it.each([
    ["is reset as refused", rstStream(1, ErrorCode.refusedStream)],
    ["is beyond GOAWAY's last stream", goaway(0)],
  ])("may have been carried out, also when it %s", async (_, ending) => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.wire.say(head(1), ending);
    await turn();
    expect(recorder.ending).toMatchObject({ how: "failed", disposition: "unknown" });
  });
});

describe("GOAWAY", () => {
  it("refuses what is beyond its last stream and lets the others finish", async () => {
    const link = await opened();
    const [first, second, third] = [
      request(link, message("1")),
      request(link, message("2")),
      request(link, message("3")),
    ];
    link.wire.say(goaway(3));
    await turn();
    expect(third.recorder.ending).toMatchObject({ how: "failed", disposition: "refused" });
    expect(first.recorder.endings).toEqual([]);
    expect(link.connection.open).toBe(false);
    link.wire.say(head(1), trailers(1), head(3), trailers(3));
    await turn();
    expect([first, second].map(({ recorder }) => recorder.ending?.how)).toEqual(["ended", "ended"]);
    expect(link.told).toEqual([
      "ready",
      "draining: the server is going away (NO_ERROR)",
      "closed: the connection was drained",
    ]);
    expect(link.wire.destroyed).toBe(true);
  });

  it("closes at once when nothing is under way", async () => {
    const link = await opened();
    link.wire.say(goaway(2 ** 31 - 1));
    await turn();
    expect(link.told.at(-1)).toBe("closed: the server is going away (NO_ERROR)");
  });

  it("may come twice, first as a warning (RFC 9113, 6.8)", async () => {
    const link = await opened();
    const requests = [request(link, message("1")), request(link, message("2"))];
    link.wire.say(goaway(2 ** 31 - 1));
    await turn();
    expect(requests.flatMap(({ recorder }) => recorder.endings)).toEqual([]);
    link.wire.say(goaway(1));
    await turn();
    expect(requests.map(({ recorder }) => recorder.disposition)).toEqual([undefined, "refused"]);
  });

  it("lets nothing be put where a refused stream leaves room", async () => {
    const link = await opened([Setting.maxConcurrentStreams, 2]);
    request(link, message("1"));
    request(link, message("2"));
    const seen: boolean[] = [];
    link.onRoom = () => seen.push(link.connection.open);
    link.wire.say(goaway(1));
    await turn();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain(true);
  });

  it("that says too many pings slows the pings down", async () => {
    const link = await opened();
    const keepalive = link.connection.keepalive;
    let slowed = 0;
    keepalive.slowDown = () => slowed++;
    link.wire.say(goaway(0, ErrorCode.enhanceYourCalm, "too_many_pings"));
    await turn();
    expect(slowed).toBe(1);
  });

  it("is drained also when the owner asks for it", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.connection.drain(new Error("enough"));
    expect(link.connection.open).toBe(false);
    link.wire.say(head(1), trailers(1));
    await turn();
    expect(recorder.ending?.how).toBe("ended");
    expect(link.told).toEqual(["ready", "draining: enough", "closed: the connection was drained"]);
  });
});

describe("what the server may send", () => {
  it("is returned to the connection's window at half of it", async () => {
    const link = await opened();
    request(link, message("x"));
    link.wire.say(head(1));
    const piece = data(1, Buffer.alloc(16_384));
    for (let count = 0; count < 512; count++) link.wire.say(piece);
    await turn();
    const updates = of(link.wire.heard(), FrameType.windowUpdate);
    const sums = new Map<number, number>();
    for (const { streamId, payload } of updates)
      sums.set(streamId, (sums.get(streamId) ?? 0) + payload.readUInt32BE(0));
    expect(sums.get(0)).toBe(2 ** 23);
    expect(sums.get(1)).toBe(2 ** 23);
    expect(updates.filter(({ streamId }) => streamId === 1)).toHaveLength(16);
  });

  it("is bounded by what the consumer has taken", async () => {
    const link = await opened();
    const { stream, recorder } = request(link, message("x"), false);
    link.wire.say(head(1));
    for (let count = 0; count < 64; count++) link.wire.say(data(1, Buffer.alloc(16_384)));
    await turn();
    expect(of(link.wire.heard(), FrameType.windowUpdate)).toEqual([]);
    link.connection.taken(stream, 2 ** 19 - 1);
    await turn();
    expect(link.wire.heard()).toEqual([]);
    link.connection.taken(stream, 1);
    await turn();
    expect(link.wire.heard().map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)])).toEqual([
      [1, 2 ** 19],
    ]);
    expect(recorder.endings).toEqual([]);
    for (let count = 0; count < 33; count++) link.wire.say(data(1, Buffer.alloc(16_384)));
    await turn();
    expect(recorder.ending).toMatchObject({ how: "failed", disposition: "unknown" });
    expect(of(link.wire.heard(), FrameType.rstStream)[0]?.payload.readUInt32BE(0)).toBe(
      ErrorCode.flowControlError,
    );
  });

  it("counts padding, and gives it back at once since nobody can take it", async () => {
    const link = await opened();
    request(link, message("x"), false);
    link.wire.say(head(1));
    const padding = Buffer.concat([Buffer.of(255), Buffer.alloc(255)]);
    for (let count = 0; count < 2_048; count++) link.wire.say(frame(FrameType.data, 8, 1, padding));
    await turn();
    const updates = of(link.wire.heard(), FrameType.windowUpdate);
    expect(updates.map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)])).toEqual([
      [1, 2 ** 19],
    ]);
  });
});

describe("what the server takes", () => {
  it("is bounded by the stream's window, to the byte", async () => {
    const link = await opened([Setting.initialWindowSize, 100]);
    request(link, Buffer.alloc(250));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(100);
    link.wire.say(windowUpdate(1, 1));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(1);
    link.wire.say(windowUpdate(1, 1_000));
    await turn();
    const frames = link.wire.heard();
    expect(bytesIn(frames)).toBe(149);
    expect(frames.map(({ flags }) => flags)).toEqual([1]);
  });

  it("is bounded by the connection's window, shared by all streams", async () => {
    const link = await opened([Setting.initialWindowSize, 2 ** 20]);
    for (let count = 0; count < 3; count++) request(link, Buffer.alloc(40_000));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(65_535);
    link.wire.say(windowUpdate(0, 100_000));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(120_000 - 65_535);
  });

  it("lets an empty message through a window of nothing", async () => {
    const link = await opened([Setting.initialWindowSize, 0]);
    request(link, Buffer.alloc(0));
    await turn();
    expect(of(link.wire.heard(), FrameType.data).map(shape)).toEqual([[0, 1, 1, 0]]);
  });

  it("lets the end of a stream through when the windows are used up, or less than nothing (RFC 9113, 6.9.1)", async () => {
    const link = await opened([Setting.initialWindowSize, 2 ** 20]);
    const { stream } = request(link);
    link.connection.send(stream, Buffer.alloc(10), false);
    request(link, Buffer.alloc(100_000));
    link.wire.say(settings([Setting.initialWindowSize, 5]));
    await turn();
    expect([stream.sendWindow, bytesIn(link.wire.heard())]).toEqual([-5, 65_535]);
    link.connection.send(stream, Buffer.alloc(0), true);
    await turn();
    expect(link.wire.heard().map(shape)).toEqual([[0, 1, 1, 0]]);
  });

  it("lets the end of a stream through behind its last message, though that used the window up", async () => {
    const link = await opened([Setting.initialWindowSize, 5]);
    const { stream } = request(link);
    link.connection.send(stream, Buffer.alloc(10), false);
    link.connection.send(stream, Buffer.alloc(0), true);
    await turn();
    link.wire.heard();
    link.wire.say(windowUpdate(1, 5));
    await turn();
    expect(link.wire.heard().map(shape)).toEqual([
      [0, 0, 1, 5],
      [0, 1, 1, 0],
    ]);
  });

  it("leaves small requests free while a large one waits for its own window", async () => {
    const link = await opened([Setting.initialWindowSize, 1_000]);
    request(link, Buffer.alloc(5_000));
    request(link, Buffer.alloc(10));
    await turn();
    const frames = of(link.wire.heard(), FrameType.data);
    expect(frames.map(shape)).toEqual([
      [0, 0, 1, 1_000],
      [0, 1, 3, 10],
    ]);
  });

  it("goes down with the settings, below nothing if need be (RFC 9113, 6.9.2)", async () => {
    const link = await opened([Setting.initialWindowSize, 100]);
    request(link, Buffer.alloc(300));
    await turn();
    link.wire.heard();
    link.wire.say(settings([Setting.initialWindowSize, 20]), windowUpdate(1, 80));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(0);
    link.wire.say(windowUpdate(1, 1));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(1);
    link.wire.say(settings([Setting.initialWindowSize, 1_000]));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(199);
  });

  it("tells who sends when all of a message has been written", async () => {
    const link = await opened([Setting.initialWindowSize, 10]);
    const { stream } = request(link);
    const sent: number[] = [];
    link.connection.send(stream, Buffer.alloc(8), false, () => sent.push(1));
    link.connection.send(stream, Buffer.alloc(8), false, () => sent.push(2));
    expect(sent).toEqual([1]);
    link.wire.say(windowUpdate(1, 6));
    await turn();
    expect(sent).toEqual([1, 2]);
    expect(of(link.wire.heard(), FrameType.data).map(({ payload }) => payload.length)).toEqual([8, 2, 6]);
  });

  it("sends nothing more of a stream that was reset", async () => {
    const link = await opened([Setting.initialWindowSize, 10]);
    const { stream } = request(link, Buffer.alloc(100));
    await turn();
    link.connection.reset(stream, ErrorCode.cancel);
    link.connection.send(stream, Buffer.alloc(1), true);
    link.wire.say(settings([Setting.initialWindowSize, 1_000]));
    await turn();
    expect(bytesIn(link.wire.heard())).toBe(10);
  });

  it("is replaced when a call fails because it took nothing at all for a while", async () => {
    const link = await opened();
    const { stream } = request(link, Buffer.alloc(100_000));
    const other = request(link, Buffer.alloc(10));
    await turn();
    link.clock.advance(2_000);
    link.connection.reset(stream, ErrorCode.cancel);
    expect(link.connection.open).toBe(false);
    expect(link.told.at(-1)).toBe("draining: the server takes no more data on this connection");
    expect(other.recorder.endings).toEqual([]);
  });

  it("is not replaced for a window of one stream, nor when leave came meanwhile", async () => {
    const link = await opened([Setting.initialWindowSize, 100_000]);
    const { stream } = request(link, Buffer.alloc(100_000));
    await turn();
    link.clock.advance(2_000);
    link.wire.say(windowUpdate(0, 1));
    await turn();
    link.connection.reset(stream, ErrorCode.cancel);
    expect(link.connection.open).toBe(true);
    const small = await opened([Setting.initialWindowSize, 10]);
    const held = request(small, Buffer.alloc(100));
    await turn();
    small.clock.advance(10_000);
    small.connection.reset(held.stream, ErrorCode.cancel);
    expect(small.connection.open).toBe(true);
  });

  it("is at most some MiB ahead of what the socket takes, however large the windows", async () => {
    const link = await opened([Setting.initialWindowSize, 2 ** 31 - 1]);
    link.wire.say(windowUpdate(0, 2 ** 31 - 1 - 65_535));
    await turn();
    link.wire.stick();
    const { stream } = request(link);
    let sent = 0;
    for (let count = 0; count < 64; count++)
      link.connection.send(stream, Buffer.alloc(2 ** 20), false, () => sent++);
    await turn();
    expect(sent).toBeLessThanOrEqual(6);
    expect(link.connection.full).toBe(true);
    let room = 0;
    link.onRoom = () => room++;
    link.wire.unstick();
    for (let round = 0; round < 50 && sent < 64; round++) await turn();
    expect(sent).toBe(64);
    expect(room).toBeGreaterThan(0);
    expect(link.connection.full).toBe(false);
    expect(bytesIn(link.wire.heard())).toBe(64 * 2 ** 20);
  });
});

describe("the server's limit of streams", () => {
  it("makes the connection full, and room is told when a stream ends or the limit rises", async () => {
    const link = await opened([Setting.maxConcurrentStreams, 1]);
    let room = 0;
    link.onRoom = () => room++;
    expect(link.connection.full).toBe(false);
    request(link, message("x"));
    expect(link.connection.full).toBe(true);
    link.wire.say(head(1), trailers(1));
    await turn();
    expect(link.connection.full).toBe(false);
    expect(room).toBeGreaterThan(0);
    link.wire.say(settings([Setting.maxConcurrentStreams, 0]));
    await turn();
    expect(link.connection.full).toBe(true);
    room = 0;
    link.wire.say(settings([Setting.maxConcurrentStreams, 1]));
    await turn();
    expect(room).toBeGreaterThan(0);
    expect(link.connection.full).toBe(false);
  });
});

describe("what is known of requests when the connection breaks", () => {
  it("is that they were not sent, while no part of their end was handed to the socket", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    link.connection.close(new Error("cut")); // in the same turn: nothing was written yet
    expect(recorder.disposition).toBe("unsent");
  });

  it("is nothing once the socket has them", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    await turn();
    link.wire.destroy(new Error("read ECONNRESET"));
    await turn();
    expect(recorder.ending).toMatchObject({ disposition: "unknown", reason: { message: "read ECONNRESET" } });
  });

  it("is nothing while the socket is half through with them", async () => {
    const link = await opened();
    link.wire.stick();
    const under = request(link, message("under way"));
    await turn();
    const behind = request(link, message("behind it"));
    await turn();
    expect(of(link.wire.heard(), FrameType.headers)).toHaveLength(1);
    link.connection.close(new Error("cut"));
    expect(under.recorder.disposition).toBe("unknown");
    expect(behind.recorder.disposition).toBe("unsent");
  });

  it("is that they were not sent, while flow control holds their end back", async () => {
    const link = await opened([Setting.initialWindowSize, 10]);
    const { recorder } = request(link, Buffer.alloc(100));
    await turn();
    link.connection.close(new Error("cut"));
    expect(recorder.disposition).toBe("unsent");
  });

  it("is nothing once one message of a stream is out, though the stream has not ended", async () => {
    const link = await opened();
    const { stream, recorder } = request(link);
    link.connection.send(stream, message("first"), false);
    await turn();
    link.connection.close(new Error("cut"));
    expect(recorder.disposition).toBe("unknown");
  });

  it("sends what waited behind a slow write when that is done, and nothing twice", async () => {
    const link = await opened();
    link.wire.stick();
    request(link, message("1"));
    await turn();
    request(link, message("2"));
    request(link, message("3"));
    await turn();
    link.wire.unstick();
    await turn();
    expect(of(link.wire.heard(), FrameType.headers).map(({ streamId }) => streamId)).toEqual([1, 3, 5]);
  });
});

describe("a server that breaks HTTP/2", () => {
  const cases: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
    ["DATA on stream 0", data(0, Buffer.of(1)), ErrorCode.protocolError],
    ["DATA on a stream that was never opened", data(3, Buffer.of(1)), ErrorCode.protocolError],
    ["HEADERS on stream 0", headers(0, headFields), ErrorCode.protocolError],
    ["HEADERS on a stream that was never opened", head(3), ErrorCode.protocolError],
    [
      "HEADERS shorter than their padding",
      frame(FrameType.headers, 4 | 8, 1, Buffer.of(9, 0)),
      ErrorCode.protocolError,
    ],
    ["padded HEADERS of nothing", frame(FrameType.headers, 4 | 8, 1), ErrorCode.protocolError],
    [
      "HEADERS shorter than their priority",
      frame(FrameType.headers, 4 | 0x20, 1, Buffer.alloc(4)),
      ErrorCode.protocolError,
    ],
    [
      "a header block that does not decode",
      frame(FrameType.headers, 4, 1, Buffer.of(0x80)),
      ErrorCode.compressionError,
    ],
    [
      "a header block on a stream that was reset",
      frame(FrameType.headers, 4, 1, Buffer.of(0xff)),
      ErrorCode.compressionError,
    ],
    [
      "a header list that is too large",
      frame(FrameType.headers, 4, 1, Buffer.alloc(3_000, 0x82)),
      ErrorCode.enhanceYourCalm,
    ],
    [
      "another frame inside a header block",
      Buffer.concat([frame(FrameType.headers, 0, 1), ping()]),
      ErrorCode.protocolError,
    ],
    [
      "DATA inside a header block",
      Buffer.concat([frame(FrameType.headers, 0, 1), data(1, Buffer.of(1))]),
      ErrorCode.protocolError,
    ],
    [
      "CONTINUATION of another stream",
      Buffer.concat([frame(FrameType.headers, 0, 1), frame(FrameType.continuation, 4, 3)]),
      ErrorCode.protocolError,
    ],
    ["CONTINUATION of nothing", frame(FrameType.continuation, 4, 1), ErrorCode.protocolError],
    [
      "CONTINUATIONs without end",
      Buffer.concat([
        frame(FrameType.headers, 0, 1),
        ...Array<Buffer>(20).fill(frame(FrameType.continuation, 0, 1)),
      ]),
      ErrorCode.enhanceYourCalm,
    ],
    [
      "a header block without end",
      Buffer.concat([
        frame(FrameType.headers, 0, 1),
        ...Array<Buffer>(5).fill(frame(FrameType.continuation, 0, 1, Buffer.alloc(16_384))),
      ]),
      ErrorCode.enhanceYourCalm,
    ],
    ["RST_STREAM on stream 0", rstStream(0, 0), ErrorCode.protocolError],
    ["RST_STREAM of a stream that was never opened", rstStream(5, 0), ErrorCode.protocolError],
    [
      "RST_STREAM of an odd length",
      frame(FrameType.rstStream, 0, 1, Buffer.alloc(3)),
      ErrorCode.frameSizeError,
    ],
    ["SETTINGS on a stream", frame(FrameType.settings, 0, 1), ErrorCode.protocolError],
    ["SETTINGS of an odd length", frame(FrameType.settings, 0, 0, Buffer.alloc(5)), ErrorCode.frameSizeError],
    [
      "SETTINGS that acknowledge and set",
      frame(FrameType.settings, 1, 0, Buffer.alloc(6)),
      ErrorCode.frameSizeError,
    ],
    [
      "settings under which a window overflows",
      Buffer.concat([windowUpdate(1, 2 ** 31 - 1 - 65_535), settings([4, 2 ** 31 - 1])]),
      ErrorCode.flowControlError,
    ],
    ["PING on a stream", frame(FrameType.ping, 0, 1, Buffer.alloc(8)), ErrorCode.protocolError],
    ["PING of an odd length", frame(FrameType.ping, 0, 0, Buffer.alloc(7)), ErrorCode.frameSizeError],
    ["GOAWAY on a stream", frame(FrameType.goaway, 0, 1, Buffer.alloc(8)), ErrorCode.protocolError],
    ["GOAWAY that is too short", frame(FrameType.goaway, 0, 0, Buffer.alloc(7)), ErrorCode.protocolError],
    [
      "WINDOW_UPDATE of an odd length",
      frame(FrameType.windowUpdate, 0, 0, Buffer.alloc(5)),
      ErrorCode.frameSizeError,
    ],
    ["WINDOW_UPDATE of nothing", windowUpdate(0, 0), ErrorCode.protocolError],
    ["a window of the connection that overflows", windowUpdate(0, 2 ** 31 - 1), ErrorCode.flowControlError],
    ["WINDOW_UPDATE of a stream that was never opened", windowUpdate(5, 1), ErrorCode.protocolError],
    ["a push", frame(FrameType.pushPromise, 4, 1, Buffer.of(0, 0, 0, 2, 0x82)), ErrorCode.protocolError],
    ["a frame that is too large", Buffer.from("0040010000000000010000", "hex"), ErrorCode.frameSizeError],
  ];

  it.each(cases)("by %s is told why and left (RFC 9113, 5.4.1)", async (_, bytes, code) => {
    for (const slice of [bytes.length, 1]) {
      const link = await opened();
      const { recorder } = request(link, message("x"));
      await turn();
      link.wire.heard();
      for (let at = 0; at < bytes.length; at += slice) link.wire.say(bytes.subarray(at, at + slice));
      await turn();
      expect(recorder.ending).toMatchObject({
        how: "failed",
        disposition: "unknown",
        reason: { kind: "protocol" },
      });
      expect(recorder.endings).toHaveLength(1);
      expect(link.closedBy?.message).toMatch(/^the server broke HTTP\/2: /);
      const [last] = link.wire.heard().slice(-1);
      expect(last?.type).toBe(FrameType.goaway);
      expect(last?.payload.readUInt32BE(4)).toBe(code);
      expect(link.wire.destroyed).toBe(true);
    }
  });

  it.each([
    ["SETTINGS", settings()],
    ["acknowledgements", settingsAck],
    ["PING", ping()],
    ["answers to pings", ping("01234567", true)],
    ["RST_STREAM", rstStream(1, 8)],
    ["empty DATA", data(3, Buffer.alloc(0))],
    ["PRIORITY", frame(FrameType.priority, 0, 1, Buffer.alloc(5))],
    ["unknown frames", frame(0xfa, 0, 0)],
    ["interim HEADERS", headers(3, [[":status", "100"]])],
    ["HEADERS of a stream that was reset", trailers(1)],
  ])("by a flood of %s is left after some 20,000 frames", async (what, one) => {
    const link = await opened();
    const { stream } = request(link, message("x"));
    const { recorder } = request(link, message("y"));
    link.connection.reset(stream, ErrorCode.cancel);
    if (what === "empty DATA") link.wire.say(head(3));
    const many = Buffer.concat(Array<Buffer>(1_000).fill(one));
    let said = 0;
    for (; link.closedBy === undefined && said < 30; said++) {
      link.wire.say(many);
      await turn();
    }
    expect(said).toBeLessThanOrEqual(21); // three are excused for the stream that was reset
    expect(recorder.ending).toMatchObject({ how: "failed", reason: { kind: "protocol" } });
    expect(link.wire.heard().at(-1)?.payload.readUInt32BE(4)).toBe(ErrorCode.enhanceYourCalm);
  });

  it.each([
    ["HEADERS", head(1)],
    ["SETTINGS", settings([Setting.maxConcurrentStreams, 1])],
    ["a frame of an unknown type", frame(0xfa, 0, 0, Buffer.alloc(100))],
    ["the header of a frame", data(1, Buffer.of(1)).subarray(0, 9)],
    ["CONTINUATIONs", Buffer.concat(Array<Buffer>(2).fill(frame(FrameType.continuation, 0, 1)))],
  ])("by saying %s byte by byte is left when that takes more than 10 s", async (what, bytes) => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    await turn();
    if (what === "CONTINUATIONs") link.wire.say(frame(FrameType.headers, 0, 1));
    let said = 0;
    for (; said < bytes.length && link.closedBy === undefined; said++) {
      expect(recorder.endings).toEqual([]);
      link.wire.say(bytes.subarray(said, said + 1));
      await turn();
      link.clock.advance(1_500);
    }
    expect(said).toBe(8);
    expect(recorder.ending).toMatchObject({
      how: "failed",
      disposition: "unknown",
      reason: { kind: "protocol", message: expect.stringContaining("is not complete after 10 s") },
    });
    expect(link.wire.heard().at(-1)?.payload.readUInt32BE(4)).toBe(ErrorCode.enhanceYourCalm);
  });

  it("is not one whose frames are all cut in two, however long it speaks", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    let rest: Buffer = Buffer.alloc(0);
    for (let round = 0; round < 20; round++) {
      link.wire.say(rest, head(1 + 2 * round).subarray(0, 12));
      rest = head(1 + 2 * round).subarray(12);
      await turn();
      link.clock.advance(4_000);
      request(link, message("x"));
    }
    expect(link.closedBy).toBeUndefined();
    expect(recorder.headers).toHaveLength(1);
  });

  it("is not one that takes its time over DATA, which is passed on as it comes", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    const bytes = data(1, Buffer.alloc(20));
    link.wire.say(head(1), bytes.subarray(0, 9));
    for (let at = 9; at < bytes.length; at++) {
      link.wire.say(bytes.subarray(at, at + 1));
      await turn();
      link.clock.advance(4_000);
    }
    expect(link.closedBy).toBeUndefined();
    expect(recorder.endings).toEqual([]);
  });

  it("by asking without ever reading the answers is left before they fill the memory", async () => {
    const link = await opened();
    link.wire.stick();
    request(link, message("x"));
    const many = Buffer.concat(Array<Buffer>(5_000).fill(ping()));
    for (let round = 0; link.closedBy === undefined && round < 100; round++) {
      link.wire.say(many);
      link.clock.advance(1_000); // slowly enough to be no flood
      await turn();
    }
    expect(link.closedBy?.message).toContain("does not read the answers");
  });
});

describe("a large request that waits for the link", () => {
  // A 10 MiB put to etcd, whose gRPC library probes the bandwidth with pings meanwhile.
  it("does not count as answers that the server leaves unread", async () => {
    const link = await opened();
    link.wire.stick();
    const { recorder } = request(link, Buffer.alloc(64));
    link.wire.say(windowUpdate(0, 2 ** 30), windowUpdate(1, 2 ** 30));
    await turn();
    request(link, Buffer.alloc(8 * 1024 * 1024));
    link.wire.say(windowUpdate(3, 2 ** 30), ping(), ping());
    await turn();
    expect(link.closedBy).toBeUndefined();
    expect(recorder.endings).toEqual([]);
  });
});

describe("a connection that ends", () => {
  it("answers pings until then", async () => {
    const link = await opened();
    link.wire.say(ping("abcdefgh"));
    await turn();
    expect(link.wire.heard()).toMatchObject([
      { type: FrameType.ping, flags: 1, payload: Buffer.from("abcdefgh") },
    ]);
  });

  it("fails every request once, and tells its owner once", async () => {
    const link = await opened();
    const requests = [request(link, message("1")), request(link, message("2"))];
    await turn();
    link.wire.hangUp();
    await turn();
    link.connection.close(new Error("again"));
    expect(requests.map(({ recorder }) => recorder.endings.length)).toEqual([1, 1]);
    expect(link.told).toEqual(["ready", "closed: the server closed the connection"]);
    expect(link.clock.timers).toBe(0);
  });

  it("is given up when pings remain without answer", async () => {
    const link = await opened();
    const { recorder } = request(link, message("x"));
    await turn();
    link.wire.heard();
    link.clock.advance(10_000);
    await turn();
    expect(link.wire.heard()).toMatchObject([{ type: FrameType.ping, flags: 0 }]);
    link.clock.advance(5_000);
    await turn();
    expect(recorder.ending).toMatchObject({
      disposition: "unknown",
      reason: { message: "the server has been silent for 15000 ms" },
    });
  });

  it("takes no bytes and writes none afterwards", async () => {
    const link = await opened();
    const { stream, recorder } = request(link, message("x"));
    await turn();
    link.wire.heard();
    link.connection.close(new Error("done"));
    link.connection.read(Buffer.concat([head(1), ping()]));
    link.connection.reset(stream, ErrorCode.cancel);
    link.connection.taken(stream, 2 ** 20);
    await turn();
    expect(recorder.headers).toEqual([]);
    expect(link.wire.heard()).toEqual([]);
  });
});
