import { describe, expect, it } from "vitest";
import { bytesOf, huffman, huffmanCodes } from "../../test/support/hpack.js";
import { decodeHuffman } from "./huffman.js";

const decode = (bytes: Buffer): string | undefined => decodeHuffman(bytes, 0, bytes.length);

describe("decodeHuffman", () => {
  it.each([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["302", "6402"],
    ["307", "640eff"],
    ["private", "aec3771a4b"],
    ["gzip", "9bd9ab"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
    [
      "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
      "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  ])("reads %j of RFC 7541, Appendix C", (text, hex) => {
    expect(decode(Buffer.from(hex, "hex"))).toBe(text);
  });

  it("is tested with the codes of RFC 7541, Appendix B", () => {
    expect(huffmanCodes.length).toBe(257);
    expect(huffmanCodes.reduce((sum, code) => sum + 2 ** -code.length, 0)).toBe(1);
    const some = [0, 1, 22, 0x30, 0x61, 0x7f, 249, 255, 256].map((symbol) => huffmanCodes[symbol]);
    expect(some).toEqual(
      [
        [0x1ff8, 13],
        [0x7fffd8, 23],
        [0x3ffffffe, 30],
        [0x0, 5],
        [0x3, 5],
        [0xffffffc, 28],
        [0xffffffe, 28],
        [0x3ffffee, 26],
        [0x3fffffff, 30],
      ].map(([code, bits]) => (code ?? 0).toString(2).padStart(bits ?? 0, "0")),
    );
  });

  it("reads every symbol, alone and between others", () => {
    const all = String.fromCharCode(...Array(256).keys());
    expect(decode(huffman(all))).toBe(all);
    for (const symbol of all) {
      expect(decode(huffman(symbol))).toBe(symbol);
      expect(decode(huffman(`0${symbol}~`))).toBe(`0${symbol}~`);
    }
  });

  it("reads nothing from nothing", () => {
    expect(decode(Buffer.alloc(0))).toBe("");
  });

  it("reads only the part it is given", () => {
    const bytes = Buffer.concat([Buffer.of(0), huffman("gzip"), Buffer.of(0)]);
    expect(decodeHuffman(bytes, 1, bytes.length - 1)).toBe("gzip");
  });

  it("takes padding of up to seven ones", () => {
    // 0 has five bits, so eight of them fill five bytes.
    for (let count = 1; count <= 8; count++)
      expect(decode(huffman("0".repeat(count)))).toBe("0".repeat(count));
  });

  it("refuses padding of eight bits or more", () => {
    expect(decode(Buffer.concat([huffman("00000000"), Buffer.of(0xff)]))).toBeUndefined();
    expect(decode(Buffer.concat([huffman("0"), Buffer.of(0xff)]))).toBeUndefined();
  });

  it("refuses padding that is not all ones", () => {
    const code = huffmanCodes[0x30] ?? "";
    for (const padding of ["110", "101", "011", "000"]) expect(decode(bytesOf(code + padding))).not.toBe("0");
    expect(decode(bytesOf(`${code}110`))).toBeUndefined();
    expect(decode(bytesOf(`${code}011`))).toBeUndefined();
  });

  it("refuses the symbol for the end of a string", () => {
    expect(decode(bytesOf(huffmanCodes[256] ?? ""))).toBeUndefined();
    expect(decode(bytesOf((huffmanCodes[0x61] ?? "") + (huffmanCodes[256] ?? "")))).toBeUndefined();
  });

  it("refuses a code that is cut off", () => {
    const [first, second] = huffman("\x01").subarray(0, 2);
    expect(decode(Buffer.of(first ?? 0, (second ?? 0) & 0xfe))).toBeUndefined();
  });
});
