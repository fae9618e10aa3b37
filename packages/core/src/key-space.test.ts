import { expect, it } from "vitest";
import { toBytes } from "./bytes.js";
import { shareKeySpace } from "./key-space.js";
import { kvFrom } from "./kv/kv-from.js";
import { watcherFrom } from "./watch/watcher-from.js";

const never = (): never => {
  throw new Error("not called");
};

it("services share their keys when equal prefixes, or none, stand in front of them", () => {
  const a = { keyPrefix: toBytes("a/", "a") };
  expect(shareKeySpace(a, { keyPrefix: toBytes("a/", "a") })).toBe(true);
  expect(shareKeySpace({}, { keyPrefix: undefined })).toBe(true);
  expect(shareKeySpace({}, { keyPrefix: new Uint8Array() })).toBe(true);
  expect(shareKeySpace(a, {})).toBe(false);
  expect(shareKeySpace(a, { keyPrefix: toBytes("a", "a") })).toBe(false);
});

it("what is made from an executor or an opener keeps its prefix", () => {
  const keyPrefix = toBytes("a/", "a");
  expect(kvFrom({ execute: never, keyPrefix }).keyPrefix).toBe(keyPrefix);
  expect(watcherFrom({ open: never, keyPrefix }).keyPrefix).toBe(keyPrefix);
  expect(kvFrom({ execute: never })).not.toHaveProperty("keyPrefix");
  expect(watcherFrom({ open: never })).not.toHaveProperty("keyPrefix");
});
