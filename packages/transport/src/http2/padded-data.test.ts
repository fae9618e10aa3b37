import { describe, expect, it } from "vitest";
import { ConnectionViolation, ErrorCode, Flag } from "./frame.js";
import { PaddedData } from "./padded-data.js";

/** The content of a DATA payload that comes in the given pieces. */
function contentOf(payload: Buffer, flags: number, cuts: readonly number[]): string {
  const data = new PaddedData();
  const content: Buffer[] = [];
  const edges = [0, ...cuts, payload.length];
  for (let index = 0; index + 1 < edges.length; index++) {
    const [start = 0, end = 0] = edges.slice(index);
    // In the middle of another buffer, as in a chunk of a socket.
    const chunk = Buffer.concat([Buffer.of(0xee), payload.subarray(start, end), Buffer.of(0xee)]);
    data.piece(flags, payload.length, index === 0, chunk, 1, 1 + end - start);
    content.push(Buffer.from(chunk.subarray(data.start, data.end)));
  }
  return Buffer.concat(content).toString();
}

const padded = (content: string, padding: number): Buffer =>
  Buffer.concat([Buffer.of(padding), Buffer.from(content), Buffer.alloc(padding)]);

describe("PaddedData", () => {
  it("takes DATA without padding for content, wherever it is cut", () => {
    const payload = Buffer.from("content");
    for (let cut = 0; cut <= payload.length; cut++) expect(contentOf(payload, 0, [cut])).toBe("content");
    expect(contentOf(Buffer.alloc(0), 0, [])).toBe("");
  });

  it.each([
    ["content", 0],
    ["content", 5],
    ["", 5],
    ["", 0],
    ["c", 255],
  ])("takes the padding off %j with %d bytes of it, wherever it is cut", (content, padding) => {
    const payload = padded(content, padding);
    expect(contentOf(payload, Flag.padded, [])).toBe(content);
    for (let first = 0; first <= payload.length; first++) {
      for (let second = first; second <= payload.length; second++) {
        expect(contentOf(payload, Flag.padded, [first, second])).toBe(content);
      }
    }
  });

  it("refuses padding that is as long as the payload, or longer (RFC 9113, 6.1)", () => {
    for (const payload of [Buffer.of(1), Buffer.of(2, 0), Buffer.of(255, 0, 0)]) {
      expect(() => contentOf(payload, Flag.padded, [])).toThrow(ConnectionViolation);
      expect(() => contentOf(payload, Flag.padded, [0])).toThrow("all padding");
    }
  });

  it("refuses a padded frame without the byte that says how much", () => {
    let thrown: unknown;
    try {
      contentOf(Buffer.alloc(0), Flag.padded, []);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toHaveProperty("code", ErrorCode.frameSizeError);
  });

  it("starts anew with each frame", () => {
    const data = new PaddedData();
    const first = padded("long content", 3);
    data.piece(Flag.padded, first.length, true, first, 0, 4);
    const second = Buffer.from("x");
    data.piece(0, 1, true, second, 0, 1);
    expect(second.toString("latin1", data.start, data.end)).toBe("x");
  });
});
