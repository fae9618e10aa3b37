import { createClient } from "@connectrpc/connect";
import type { ConnectOptions } from "@etcdkit/core";
import { Auth } from "@etcdkit/core/protocol";
import { createHealth, createMaintenance, type Maintenance } from "@etcdkit/maintenance";
import { openGrpcTransport } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { credentialsOf } from "../auth/users.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";

// common/maintenance_auth_test.go, e2e/ctl_v3_auth_test.go:TestCtlV3AuthSnapshot, TestCtlV3AuthSnapshotJWT,
// common/auth_test.go:TestAuthAlarm
describeEachEtcd("a cluster with users", (etcd) => {
  describe.each(["simple", "jwt"] as const)("with %s tokens", (kind) => {
    const shared = etcd.shared({ auth: kind });
    const anybody = etcd.has("log-in-for-status") ? "a user" : "nobody";

    const calls: Readonly<Record<string, (maintenance: Maintenance, endpoint: string) => Promise<unknown>>> =
      {
        status: (maintenance, endpoint) => maintenance.status(endpoint),
        alarmList: (maintenance) => maintenance.alarmList(),
        alarmDisarm: (maintenance) => maintenance.alarmDisarm({ memberId: 1n, type: "nospace" }),
        defragment: (maintenance, endpoint) => maintenance.defragment(endpoint),
        hash: (maintenance, endpoint) => maintenance.hash(endpoint),
        hashKv: (maintenance, endpoint) => maintenance.hashKv(endpoint),
        // To itself, which every leader is able to do.
        moveLeader: async (maintenance, endpoint) => {
          await using root = shared.connect();
          const { header } = await createMaintenance(root).status(endpoint);
          await maintenance.moveLeader(endpoint, header.memberId);
        },
        snapshot: async (maintenance) => {
          for await (const _ of await maintenance.snapshot());
        },
        ...(etcd.has("downgrade") && {
          // That is refused, but only to those who may ask.
          downgrade: async (maintenance: Maintenance) => {
            const { error } = await rejection(() => maintenance.downgrade("validate", "3.0"));
            if (error.code !== "INVALID_DOWNGRADE_TARGET_VERSION") throw error;
          },
        }),
      };
    const cases = Object.keys(calls).map((name) => {
      if (name === "status" || name === "alarmList") return { name, asks: anybody };
      const forRoot = (name !== "alarmDisarm" && name !== "moveLeader") || etcd.has("admission-checks");
      return { name, asks: forRoot ? "root" : "nobody" };
    });

    async function attempt(
      name: string,
      credentials: ConnectOptions["credentials"] | "none",
    ): Promise<string> {
      const options = credentials === "none" ? { credentials: undefined } : { credentials };
      await using connection = shared.connect({ endpoints: shared.endpoints, ...options });
      const call = calls[name];
      const [endpoint = ""] = shared.endpoints;
      return (
        (await call?.(createMaintenance(connection), endpoint).then(
          () => "done",
          ({ code }) => code as string,
        )) ?? "unknown call"
      );
    }

    it.each(cases)("lets $asks call $name, and no one below", async ({ name, asks }) => {
      const { root, reader } = shared.cluster.auth ?? {};
      if (root === undefined || reader === undefined) throw new Error("the cluster has no users");
      expect(await attempt(name, credentialsOf(root))).toBe("done");
      expect(await attempt(name, credentialsOf(reader))).toBe(asks === "root" ? "PERMISSION_DENIED" : "done");
      expect(await attempt(name, "none")).toBe(asks === "nobody" ? "done" : "USER_EMPTY");
      const wrong = { username: root.name, password: "wrong" };
      expect(await attempt(name, wrong)).toBe("AUTH_FAILED");
    });

    // e2e/ctl_v3_auth_test.go:TestCtlV3AuthEndpointHealth
    it("tells everybody that its members serve, but those whose log-in is refused", async () => {
      const { root, reader } = shared.cluster.auth ?? {};
      if (root === undefined || reader === undefined) throw new Error("the cluster has no users");
      const [endpoint = ""] = shared.endpoints;
      for (const credentials of [credentialsOf(root), credentialsOf(reader), undefined]) {
        await using connection = shared.connect({ credentials });
        expect(await createHealth(connection).check(endpoint)).toBe("serving");
      }
      await using stranger = shared.connect({ credentials: { username: root.name, password: "wrong" } });
      const { error } = await rejection(() => createHealth(stranger).check(endpoint));
      expect(error.code).toBe("AUTH_FAILED");
    });

    // The words for it differ from those of other calls.
    const guarded = cases.filter(({ asks }) => asks !== "nobody");
    it.each(guarded)("asks for a valid token before it does $name, and gets one", async ({ name }) => {
      const { root } = shared.cluster.auth ?? {};
      if (root === undefined) throw new Error("the cluster has no users");
      await using anonymous = openGrpcTransport(shared.endpoints[0] ?? "");
      const { token } = await createClient(Auth, anonymous.transport).authenticate(root);
      const tokens = ["gone.1", token];
      const next = async (): Promise<string> => tokens.shift() ?? token;
      expect(await attempt(name, { token: next })).toBe("done");
      expect(tokens).toEqual([]);
    });
  });
});
