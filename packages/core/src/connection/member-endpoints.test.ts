import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { type Member, MemberSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { memberEndpoints } from "./member-endpoints.js";

const member = (name: string, clientURLs: string[], isLearner = false): Member =>
  create(MemberSchema, { name, clientURLs, isLearner });

const urls = (members: readonly Member[], tls = false): readonly string[] =>
  memberEndpoints(members, tls).map((endpoint) => endpoint.url);

describe("the endpoints that a member list offers", () => {
  // client/v3/client_test.go:TestSyncFiltersMembers
  it("are those of members that have started and vote", () => {
    const list = [
      member("", ["http://127.0.0.1:2379"]),
      member("one", ["http://127.0.0.1:2380"]),
      member("two", ["http://127.0.0.1:2381"], true),
      member("three", ["http://127.0.0.1:2382", "http://127.0.0.1:2383"]),
    ];
    expect(urls(list)).toEqual(["http://127.0.0.1:2380", "http://127.0.0.1:2382", "http://127.0.0.1:2383"]);
  });

  it("are on the connection's side of TLS: a token never leaves for plaintext", () => {
    const list = [
      member("a", ["http://a:2379", "https://a:2379"]),
      member("b", ["unix:/run/b", "unixs:/run/b"]),
    ];
    expect(urls(list, true)).toEqual(["https://a:2379", "unixs:/run/b"]);
    expect(urls(list, false)).toEqual(["http://a:2379", "unix:/run/b"]);
  });

  it("are named once each", () => {
    expect(urls([member("a", ["http://a", "http://A:2379/"]), member("b", ["http://a:2379"])])).toEqual([
      "http://a:2379",
    ]);
  });

  it("pass over what cannot be an endpoint, since members say of themselves what they like", () => {
    const hostile = [
      "",
      "http://a\r\nevil: yes",
      "javascript:alert(1)",
      "http://u:p@a",
      "http://[::1%eth0]",
      "x".repeat(9_999),
    ];
    expect(urls([member("a", [...hostile, "http://good:1"])])).toEqual(["http://good:1"]);
  });

  it("are none when nobody offers one", () => {
    expect(urls([])).toEqual([]);
    expect(urls([member("a", [])])).toEqual([]);
    expect(urls([member("a", ["http://a"])], true)).toEqual([]);
  });
});
