import { createEndpointManager, type EndpointUpdate, openDirectory } from "@etcdkit/naming";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { goProgram } from "./go-client.js";
import { interopGround } from "./ground.js";

const name = (): string => uniqueKey("service").slice(0, -1);

interface GoChange {
  readonly key: string;
  readonly delete: boolean;
  readonly addr: string;
  readonly metadata: unknown;
}

describe.skipIf(goProgram === undefined)("Go's package naming shares with ours", () => {
  // The newest server is enough: what is tried is which keys and values the two write and read.
  describeNewestEtcd("endpoints of services", (etcd) => {
    const ground = interopGround(etcd);

    // naming/endpoints_test.go:TestEndpointManagerCRUD
    it("what Go adds is listed and watched here, with its metadata, until Go deletes it", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const target = name();
      const manager = createEndpointManager(services, target);
      const metadata = { zone: "north", weight: 3 };
      const add = {
        [`${target}/a`]: { addr: "10.0.0.1:80", metadata },
        [`${target}/b`]: { addr: "10.0.0.2:80" },
      };
      await go.call("endpoints.update", { name: target, add });
      // naming/resolver_test.go:TestEtcdEndpointManager
      const other = `${target}_other`;
      await go.call("endpoints.update", { name: other, add: { [`${other}/a`]: { addr: "10.0.0.9:80" } } });
      const list = await manager.list();
      expect([...list.keys()].sort()).toEqual([`${target}/a`, `${target}/b`]);
      expect(list.get(`${target}/a`)).toMatchObject({ address: "10.0.0.1:80", metadata });
      expect(list.get(`${target}/b`)).toMatchObject({ address: "10.0.0.2:80" });

      await using watch = manager.watch();
      const batches = watch[Symbol.asyncIterator]();
      const next = async (): Promise<readonly EndpointUpdate[]> => (await batches.next()).value ?? [];
      expect(await next()).toHaveLength(2);
      // naming/endpoints_test.go:TestEndpointManagerAtomicity
      const added = { [`${target}/c`]: { addr: "10.0.0.3:80", metadata: [1, "two", null] } };
      await go.call("endpoints.update", { name: target, add: added, delete: [`${target}/a`] });
      const batch = await next();
      expect(batch).toHaveLength(2);
      expect(batch).toContainEqual({ type: "delete", key: `${target}/a` });
      expect(batch).toContainEqual({
        type: "add",
        key: `${target}/c`,
        endpoint: { address: "10.0.0.3:80", metadata: [1, "two", null] },
      });
    });

    // naming/endpoints_test.go:TestEndpointManager
    it("what we add is listed, watched and resolved by Go, with its metadata, until we delete it", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const target = name();
      const manager = createEndpointManager(services, target);
      const metadata = { zone: "south", tags: ["a", "b"] };
      await manager.add(`${target}/a`, { address: "10.0.1.1:80", metadata });
      await manager.add(`${target}/b`, { address: "10.0.1.2:80" });
      expect(await go.call("endpoints.list", { name: target })).toEqual({
        [`${target}/a`]: { addr: "10.0.1.1:80", metadata },
        [`${target}/b`]: { addr: "10.0.1.2:80", metadata: null },
      });

      const changes = go.stream<readonly GoChange[]>("endpoints.watch", { name: target });
      expect(await changes.next()).toHaveLength(2);
      const resolved = go.stream<readonly string[]>("resolver.watch", { name: target });
      expect([...(await resolved.next())].sort()).toEqual(["10.0.1.1:80", "10.0.1.2:80"]);
      await manager.update([
        { type: "add", key: `${target}/c`, endpoint: { address: "10.0.1.3:80" } },
        { type: "delete", key: `${target}/a` },
      ]);
      const batch = await changes.next();
      expect(batch.map(({ key, delete: gone }) => `${gone ? "-" : "+"}${key}`).sort()).toEqual([
        `+${target}/c`,
        `-${target}/a`,
      ]);
      expect([...(await resolved.next())].sort()).toEqual(["10.0.1.2:80", "10.0.1.3:80"]);
    });

    it("a directory follows what Go adds and deletes", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const target = name();
      await using directory = openDirectory(services, target);
      expect((await directory.ready()).size).toBe(0);
      const changed = (): Promise<void> =>
        new Promise((resolve) => {
          const stop = directory.subscribe(() => {
            stop();
            resolve();
          });
        });
      const added = changed();
      await go.call("endpoints.update", { name: target, add: { [`${target}/a`]: { addr: "10.0.2.1:80" } } });
      await added;
      expect(directory.endpoints?.get(`${target}/a`)?.address).toBe("10.0.2.1:80");
      const deleted = changed();
      await go.call("endpoints.update", { name: target, delete: [`${target}/a`] });
      await deleted;
      expect(directory.endpoints?.size).toBe(0);
    });
  });
});
