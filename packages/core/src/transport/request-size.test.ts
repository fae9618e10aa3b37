import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { PutRequestSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { refuseTooLarge } from "./request-size.js";

/** The value that makes a request of exactly this many bytes: three are for the field and its length. */
const filling = (bytes: number): Uint8Array => new Uint8Array(bytes - 3);

describe("refuseTooLarge", () => {
  it("lets a request pass that has just as many bytes as may be sent", () => {
    expect(() => refuseTooLarge(PutRequestSchema, { value: filling(1_000) }, 1_000)).not.toThrow();
  });

  it("refuses one byte more before any of it is sent, by its size and not its contents", () => {
    const attempt = (): unknown => refuseTooLarge(PutRequestSchema, { value: filling(1_001) }, 1_000);
    expect(attempt).toThrow(
      expect.objectContaining({
        code: "MESSAGE_TOO_LARGE",
        disposition: "unsent",
        message: "the request has 1001 bytes, more than maxSendBytes (1000)",
      }),
    );
  });

  it("measures messages as well as the fields of one", () => {
    const message = create(PutRequestSchema, { value: filling(1_001) });
    expect(() => refuseTooLarge(PutRequestSchema, message, 1_000)).toThrow("1001 bytes");
  });
});
