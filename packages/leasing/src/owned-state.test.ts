import type { KeyValue, StateBatch } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { expect, it } from "vitest";
import { innerHeader } from "./answer.js";
import { LeasingKeys } from "./leasing-keys.js";
import { OwnedState } from "./owned-state.js";

function page(
  revision: bigint,
  last: boolean,
  ...owners: readonly (readonly [name: string, lease: bigint])[]
): StateBatch {
  const kvs = owners.map(([name, lease]): KeyValue => {
    const [createRevision, modRevision, version] = [2n, 2n, 1n];
    const key = toBytes(`l/${name}`, "key");
    return {
      $typeName: "mvccpb.KeyValue",
      key,
      value: new Uint8Array(),
      createRevision,
      modRevision,
      version,
      lease,
    };
  });
  return { kind: "state", header: innerHeader(revision), revision, kvs, last };
}

it("the leasing keys of a lease are known with the last page, and those of a state that was broken off are forgotten", () => {
  const state = new OwnedState(new LeasingKeys(toBytes("l/", "prefix")), 7n);
  expect(state.add(page(5n, false, ["stale", 7n]))).toBeUndefined();
  expect(state.add(page(6n, false, ["a", 7n], ["other", 8n]))).toBeUndefined();
  expect([...(state.add(page(6n, true, ["b", 7n])) ?? [])].map(([name]) => name)).toEqual(["a", "b"]);
  expect([...(state.add(page(6n, true, ["c", 7n])) ?? [])].map(([name]) => name)).toEqual(["c"]);
});
