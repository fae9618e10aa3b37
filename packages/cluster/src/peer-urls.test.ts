import { describe, expect, it } from "vitest";
import { toPeerUrls } from "./peer-urls.js";

describe("toPeerUrls", () => {
  it.each([
    ["http://127.0.0.1:2380", ["http://127.0.0.1:2380"]],
    [["https://etcd-1.example.com:2380"], ["https://etcd-1.example.com:2380"]],
    [["http://[::1]:2380"], ["http://[::1]:2380"]],
    [
      ["unix://localhost:1234", "unixs:///run/etcd.sock"],
      ["unix://localhost:1234", "unixs:///run/etcd.sock"],
    ],
    [["  http://a:1\n"], ["http://a:1"]],
    ["http://a:1, http://b:2", ["http://a:1", "http://b:2"]],
  ])("takes %o", (value, urls) => {
    expect(toPeerUrls(value)).toEqual(urls);
  });

  // cluster_test.go:TestMemberAddUpdateWrongURLs
  it.each([
    ["://127.0.0.1:2379", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["mailto://127.0.0.1:2379", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["http://127.0.0.1", "peerUrls[0] must have the form http://host:port"],
    ["http://127.0.0.1:2379/path", "peerUrls[0] must not have a path"],
    ["127.0.0.1:1234", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["localhost:1234", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["HTTP//a:1", "peerUrls[0] must begin with http://, https://, unix:// or unixs://"],
    ["http://a:1,", "peerUrls[1] must begin with http://, https://, unix:// or unixs://"],
    ["http://a:1/", "peerUrls[0] must not have a path"],
    ["https://a:", "peerUrls[0] must have the form https://host:port"],
    ["http://a:1?b=c", "peerUrls[0] must have the form http://host:port"],
  ])("refuses %o", (value, message) => {
    expect(() => toPeerUrls([value].flatMap((one) => one.split(",")))).toThrow(new TypeError(message));
    expect(() => toPeerUrls(value)).toThrow(new TypeError(message));
  });

  it.each([
    "http://:2380",
    "http://a:0",
    "http://a:65536",
    "http://::1:2380",
    "http://a b:1",
    "http://a\n:1",
    "unix://",
  ])("refuses %o, which is no address", (value) => {
    expect(() => toPeerUrls([value])).toThrow(/^peerUrls\[0\] cannot be used: /);
  });

  it("refuses passwords and does not repeat them", () => {
    const error = new TypeError("peerUrls[0] must not have a user name or password");
    expect(() => toPeerUrls("http://ann:canary@a:1")).toThrow(error);
    expect(() => toPeerUrls("unix://ann:canary@a:1")).toThrow(error);
  });

  it("refuses an empty list, and what is no list of strings", () => {
    expect(() => toPeerUrls([])).toThrow(new TypeError("peerUrls must not be empty"));
    for (const value of [undefined, null, 5, {}, new URL("http://a:1")]) {
      expect(() => toPeerUrls(value as never)).toThrow(
        new TypeError("peerUrls must be a string or an array of strings"),
      );
    }
    expect(() => toPeerUrls([5] as never)).toThrow(new TypeError("peerUrls[0] must be a string"));
  });
});
