import { describe, expect, it } from "vitest";
import { parseAddress } from "./address.js";

describe("the address of an endpoint", () => {
  it.each([
    ["127.0.0.1:2000", { host: "127.0.0.1", port: 2000 }],
    ["greeter.internal:80", { host: "greeter.internal", port: 80 }],
    ["[::1]:65535", { host: "::1", port: 65_535 }],
    ["[fe80::1%eth0]:1", { host: "fe80::1%eth0", port: 1 }],
    ["unix:/run/greeter.sock", { path: "/run/greeter.sock" }],
    ["unix:///run/greeter.sock", { path: "/run/greeter.sock" }],
    ["unix:greeter.sock", { path: "greeter.sock" }],
  ])("is a host and port, or a path: %s", (address, target) => {
    expect(parseAddress(address)).toEqual(target);
  });

  it.each([
    "greeter",
    "greeter:",
    ":80",
    "greeter:0",
    "greeter:65536",
    "greeter:http",
    "::1:80",
    "[::1]",
    "http://greeter:80",
    "greeter:80/path",
    "user@greeter:80",
    "two words:80",
    "unix:",
  ])("is not guessed from %j", (address) => {
    expect(() => parseAddress(address)).toThrow(TypeError);
  });
});
