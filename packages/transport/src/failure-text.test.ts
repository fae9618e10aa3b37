import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failureText } from "./failure-text.js";

describe("failureText", () => {
  it("tells what every address of a host said", () => {
    // As Node makes them when every address of a host failed.
    const both = new AggregateError([new Error("a refused"), new Error("b timed out")], "x");
    both.message = "";
    expect(failureText(both)).toBe("a refused; b timed out");
  });

  it("leaves out the code that Connect puts in front of its messages", () => {
    expect(failureText(new ConnectError("read ECONNRESET", Code.Unavailable))).toBe("read ECONNRESET");
  });

  it("has a word for errors that say nothing, and for what is no error", () => {
    expect(failureText(Object.assign(new TypeError("x"), { message: "" }))).toBe("TypeError");
    expect(failureText("plain")).toBe("plain");
    expect(failureText(undefined)).toBe("undefined");
  });
});
