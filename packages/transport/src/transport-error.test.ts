import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { dispositionOf } from "./disposition.js";
import { linkError, TransportError } from "./transport-error.js";

describe("TransportError", () => {
  it("is a ConnectError, and no other ConnectError is one", () => {
    const error = new TransportError("link", "cut", Code.Unavailable, "unknown");
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toBeInstanceOf(TransportError);
    expect(new ConnectError("cut", Code.Unavailable)).not.toBeInstanceOf(TransportError);
    expect(new Error("cut")).not.toBeInstanceOf(TransportError);
    expect({ ...error }).not.toBeInstanceOf(TransportError);
  });

  it("carries what is known of the request", () => {
    expect(dispositionOf(new TransportError("link", "cut", Code.Unavailable, "unsent"))).toBe("unsent");
    expect(dispositionOf(new TransportError("link", "cut", Code.Unavailable, "refused"))).toBe("refused");
    for (const other of [
      undefined,
      null,
      "unsent",
      new Error("x"),
      { disposition: "sent" },
      { disposition: 1 },
    ]) {
      expect(dispositionOf(other)).toBe("unknown");
    }
  });
});

describe("linkError", () => {
  it("wraps what broke the link", () => {
    const reason = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const error = linkError(reason, "unknown");
    expect(error).toMatchObject({
      kind: "link",
      code: Code.Unavailable,
      rawMessage: "read ECONNRESET",
      cause: reason,
    });
  });

  it("knows a server that breaks the protocol", () => {
    expect(linkError(Object.assign(new Error("what?"), { kind: "protocol" }), "unknown").kind).toBe(
      "protocol",
    );
  });

  it("takes any reason", () => {
    expect(linkError("gone", "unsent").rawMessage).toBe("gone");
    expect(linkError(undefined, "unsent").rawMessage).toBe("undefined");
    expect(linkError(new ConnectError("other", Code.Aborted), "unsent")).toMatchObject({
      kind: "link",
      disposition: "unsent",
    });
  });

  it("leaves an error of its own kind as it is, but for what is known of this request", () => {
    const error = new TransportError("tls", "expired", Code.Unavailable, "unsent");
    expect(linkError(error, "unsent")).toBe(error);
    expect(linkError(error, "unknown")).toMatchObject({
      kind: "tls",
      rawMessage: "expired",
      disposition: "unknown",
    });
  });
});
