import { describe, expect, it } from "vitest";
import { serverAttributes, statusAttributes } from "./attributes.js";

describe("serverAttributes", () => {
  it.each([
    ["http://etcd.example:2379", { "server.address": "etcd.example", "server.port": 2379 }],
    ["https://[::1]:1", { "server.address": "::1", "server.port": 1 }],
    ["unix:/run/etcd.sock", { "server.address": "/run/etcd.sock" }],
    ["unixs:/run/etcd.sock", { "server.address": "/run/etcd.sock" }],
  ])("reads %s", (endpoint, attributes) => {
    expect(serverAttributes(endpoint)).toEqual(attributes);
  });
});

describe("statusAttributes", () => {
  it("names an error only where there is one", () => {
    expect(statusAttributes("OK")).toEqual({ "rpc.response.status_code": "OK" });
    expect(statusAttributes("ABORTED")).toEqual({
      "rpc.response.status_code": "ABORTED",
      "error.type": "ABORTED",
    });
  });
});
