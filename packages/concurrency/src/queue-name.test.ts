import { utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { queueName, queuePrefix } from "./queue-name.js";

function keyOf(name: string, leaseId: bigint): string {
  return utf8(queueName(queuePrefix(name), leaseId).key);
}

describe("the key of a session in a queue", () => {
  it("is the name, a slash, and the lease in hexadecimal without padding", () => {
    expect(keyOf("n", 0x694d7a1f2c3b4a05n)).toBe("n/694d7a1f2c3b4a05");
    expect(keyOf("n", 10n)).toBe("n/a");
  });

  it("has a minus before the magnitude of a negative lease, as Go prints it", () => {
    expect(keyOf("n", -255n)).toBe("n/-ff");
    expect(keyOf("n", -(2n ** 63n))).toBe("n/-8000000000000000");
  });

  it("keeps a name as it is, also one that ends in a slash", () => {
    expect(keyOf("n/", 1n)).toBe("n//1");
    expect(queuePrefix(new Uint8Array([0xff]))).toEqual(new Uint8Array([0xff, 0x2f]));
    expect(() => queuePrefix(1 as never)).toThrow(new TypeError("name must be a string or a Uint8Array"));
  });

  it("has a name to begin with", () => {
    for (const none of ["", new Uint8Array()]) {
      expect(() => queuePrefix(none)).toThrow(new RangeError("name must not be empty"));
    }
  });
});
