import { describe, expect, it } from "vitest";
import { staticTable } from "./static-table.js";

// RFC 7541, Appendix A: the names in order, and the values where there are any.
const values: readonly (readonly [first: number, name: string, values: readonly string[]])[] = [
  [2, ":method", ["GET", "POST"]],
  [4, ":path", ["/", "/index.html"]],
  [6, ":scheme", ["http", "https"]],
  [8, ":status", ["200", "204", "206", "304", "400", "404", "500"]],
  [16, "accept-encoding", ["gzip, deflate"]],
];
const namesWithoutValue = [
  "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control",
  "content-disposition content-encoding content-language content-length content-location content-range content-type",
  "cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since",
  "last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after",
  "server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate",
]
  .join(" ")
  .split(" ");

describe("staticTable", () => {
  it("is that of RFC 7541, Appendix A", () => {
    const expected: [string, string][] = [[":authority", ""]];
    for (const [first, name, list] of values) {
      if (name === "accept-encoding") expected.push(["accept-charset", ""]);
      expect(expected.length + 1).toBe(first);
      for (const value of list) expected.push([name, value]);
    }
    for (const name of namesWithoutValue) expected.push([name, ""]);
    expect(staticTable).toEqual(expected);
    expect(staticTable).toHaveLength(61);
  });
});
