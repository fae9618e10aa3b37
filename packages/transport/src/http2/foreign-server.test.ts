import { describe, expect, it } from "vitest";
import { settings } from "../../test/support/frames.js";
import { describeForeignServer } from "./foreign-server.js";

describe("describeForeignServer", () => {
  it.each([
    ["an alert of TLS 1.2", Buffer.from("15030300020246", "hex"), "TLS"],
    ["an alert that has only begun", Buffer.from("1503", "hex"), "TLS"],
    ["HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\n"), "HTTP/1.1"],
    ["what Go answers to plaintext on a TLS port", Buffer.from("HTTP/1.0 400 Bad Request\r\n"), "HTTP/1.1"],
    ["another protocol", Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP/2"],
    ["zeros", Buffer.alloc(64), "does not speak HTTP/2"],
  ])("recognizes %s", (_, bytes, expected) => {
    expect(describeForeignServer(bytes)).toContain(expected);
  });

  it("has nothing to say about SETTINGS, nor about too few bytes", () => {
    const whole = settings([3, 100]);
    for (let length = 0; length <= whole.length; length++) {
      expect(describeForeignServer(whole.subarray(0, length))).toBeUndefined();
    }
    expect(describeForeignServer(Buffer.from("SSH"))).toBeUndefined();
  });
});
