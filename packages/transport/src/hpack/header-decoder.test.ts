import { describe, expect, it } from "vitest";
import { block, integer } from "../../test/support/frames.js";
import { huffman } from "../../test/support/hpack.js";
import { ConnectionViolation, ErrorCode } from "../http2/frame.js";
import { HeaderDecoder, type HeaderFields } from "./header-decoder.js";

const decoder = (maxListBytes = 64 * 1024): HeaderDecoder => new HeaderDecoder(maxListBytes);
const decode = (bytes: Buffer | string, from: HeaderDecoder = decoder()): HeaderFields => {
  const buffer = typeof bytes === "string" ? Buffer.from(bytes, "hex") : bytes;
  return from.decode(buffer, 0, buffer.length);
};

function violation(bytes: Buffer | string, from?: HeaderDecoder): ConnectionViolation {
  try {
    decode(bytes, from);
  } catch (error) {
    if (error instanceof ConnectionViolation) return error;
    throw error;
  }
  throw new Error("the block was taken");
}

describe("HeaderDecoder", () => {
  it.each([
    [
      "a literal with indexing",
      "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      [["custom-key", "custom-header"]],
    ],
    ["a literal without indexing", "040c2f73616d706c652f70617468", [[":path", "/sample/path"]]],
    ["a literal that is never indexed", "100870617373776f726406736563726574", [["password", "secret"]]],
    ["an index", "82", [[":method", "GET"]]],
    [
      "a request",
      "828684410f7777772e6578616d706c652e636f6d",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
      ],
    ],
    [
      "a request in Huffman code",
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      [
        [":method", "GET"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "www.example.com"],
      ],
    ],
    [
      "a response in Huffman code",
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      [
        [":status", "302"],
        ["cache-control", "private"],
        ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
        ["location", "https://www.example.com"],
      ],
    ],
  ])("reads %s of RFC 7541, Appendix C", (_, hex, fields) => {
    expect(decode(hex)).toEqual(fields);
  });

  it("keeps nothing of a field that asks to be indexed: the table was announced with no room", () => {
    const from = decoder();
    decode("400a637573746f6d2d6b65790d637573746f6d2d686561646572", from);
    expect(violation("be", from).code).toBe(ErrorCode.compressionError);
  });

  it("reads the last entry of the static table and refuses the one behind it", () => {
    expect(decode("bd")).toEqual([["www-authenticate", ""]]);
    expect(violation("be").message).toContain("index 62");
  });

  it("refuses index 0", () => {
    expect(violation("80").code).toBe(ErrorCode.compressionError);
  });

  it("reads fields that a stateless server sends, in Huffman code or plain, with any of the literals", () => {
    for (const pattern of [0x00, 0x10, 0x40]) {
      const name = huffman("grpc-status");
      const value = huffman("0");
      const bytes = Buffer.concat([
        Buffer.of(pattern),
        integer(0x80, 7, name.length),
        name,
        integer(0x80, 7, value.length),
        value,
      ]);
      expect(decode(bytes)).toEqual([["grpc-status", "0"]]);
    }
  });

  it("takes strings of every length, up to what the list may have", () => {
    for (const length of [0, 1, 126, 127, 128, 254, 255, 256, 16_383, 16_511]) {
      const value = "x".repeat(length);
      expect(decode(block([["name", value]]))).toEqual([["name", value]]);
    }
  });

  it("gives bytes above 127 as Latin-1", () => {
    const all = String.fromCharCode(...Array(256).keys());
    expect(decode(block([["bytes", all]]))).toEqual([["bytes", all]]);
  });

  describe("a change of the table's size", () => {
    it("is taken in front of the fields when it is to nothing, also twice", () => {
      expect(decode("2082")).toEqual([[":method", "GET"]]);
      expect(decode("202082")).toEqual([[":method", "GET"]]);
      expect(decode("20")).toEqual([]);
    });

    it("is refused behind a field", () => {
      expect(violation("8220").code).toBe(ErrorCode.compressionError);
    });

    it("is refused to more than was announced", () => {
      expect(violation("2182").code).toBe(ErrorCode.compressionError);
      expect(violation("3fe11f82").code).toBe(ErrorCode.compressionError);
    });
  });

  describe("a block that is cut off", () => {
    it("is refused at every position inside a field", () => {
      const whole = Buffer.concat([
        block([["a", "bc"]]),
        Buffer.of(0x00),
        integer(0x80, 7, huffman("gzip").length),
        huffman("gzip"),
        Buffer.of(0x7f, 0x80, 0x01),
      ]);
      const fieldEnds = new Set([0, block([["a", "bc"]]).length]);
      for (let length = 0; length < whole.length; length++) {
        const part = whole.subarray(0, length);
        if (fieldEnds.has(length)) expect(() => decode(part)).not.toThrow();
        else expect(violation(part).code).toBe(ErrorCode.compressionError);
      }
    });

    it("is refused although the bytes behind it would complete it", () => {
      const whole = block([["name", "value"]]);
      expect(() => decoder().decode(whole, 0, whole.length - 1)).toThrow(ConnectionViolation);
    });
  });

  describe("an integer", () => {
    it("is refused when it is too large", () => {
      expect(violation("ffffffffff0f").code).toBe(ErrorCode.compressionError);
      expect(violation("ff8080808000").code).toBe(ErrorCode.compressionError);
      expect(violation(`ff${"80".repeat(2_000)}00`).code).toBe(ErrorCode.compressionError);
      expect(violation(`00${"ff".repeat(9)}7f`).code).toBe(ErrorCode.compressionError);
    });

    it("may have more bytes than it needs", () => {
      // 127 as 127 + 0, where the second of two bytes adds nothing.
      expect(
        decode(Buffer.concat([Buffer.of(0x00, 0x01, 0x61, 0x7f, 0x80, 0x00), Buffer.alloc(127, "x")])),
      ).toEqual([["a", "x".repeat(127)]]);
    });
  });

  it("refuses a string that is not in Huffman code although it says so", () => {
    expect(violation(Buffer.from("000161820000", "hex")).code).toBe(ErrorCode.compressionError);
  });

  it("refuses a list that is larger than announced, counted with 32 bytes a field (RFC 9113, 6.5.2)", () => {
    const from = decoder(100);
    const fits = block([["name", "x".repeat(64)]]);
    expect(decode(fits, from)).toHaveLength(1);
    expect(violation(block([["name", "x".repeat(65)]]), from).code).toBe(ErrorCode.enhanceYourCalm);
    expect(violation(Buffer.alloc(3, 0x82), from).code).toBe(ErrorCode.enhanceYourCalm);
    expect(violation(Buffer.alloc(10_000, 0x82), decoder()).code).toBe(ErrorCode.enhanceYourCalm);
  });

  describe("with blocks that come again", () => {
    it("gives the same list, which need not be read again", () => {
      const from = decoder();
      const bytes = block([["grpc-status", "0"]]);
      expect(decode(Buffer.from(bytes), from)).toBe(decode(Buffer.from(bytes), from));
    });

    it("tells them apart by every byte", () => {
      const from = decoder();
      for (let round = 0; round < 2; round++) {
        for (let status = 0; status < 20; status++) {
          const name = `status-${String(status).padStart(2, "0")}`;
          expect(decode(block([[name, "0"]]), from)).toEqual([[name, "0"]]);
        }
      }
    });

    it("does not depend on the buffer that they came in", () => {
      const from = decoder();
      const bytes = block([["grpc-status", "0"]]);
      decode(bytes, from);
      bytes.fill(0xff);
      expect(decode(block([["grpc-status", "0"]]), from)).toEqual([["grpc-status", "0"]]);
      expect(violation(bytes, from).code).toBe(ErrorCode.compressionError);
    });
  });
});
