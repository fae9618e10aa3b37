import { inspect } from "node:util";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { type CallOptions, connect, outcomeOf } from "@etcdkit/core";
import { Auth as AuthService, Permission_Type } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import type { Auth } from "./auth.js";
import { createAuth } from "./create-auth.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const header = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
const noHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };
const canary = "canary-password-41c7";

interface Sent {
  readonly method: string;
  readonly request: unknown;
  readonly headers: Headers;
}

/** A server that remembers what it was sent and gives every method the same answer, or the same error. */
function fake(answer: Readonly<Record<string, unknown>> | Error = {}): { auth: Auth; sent: Sent[] } {
  const sent: Sent[] = [];
  const transport = createRouterTransport((router) => {
    for (const method of AuthService.methods) {
      const unary = method as DescMethodUnary<DescMessage, DescMessage>;
      router.rpc(unary, (request, { requestHeader }): MessageInitShape<DescMessage> => {
        sent.push({ method: method.name, request, headers: requestHeader });
        if (answer instanceof Error) throw answer;
        return answer;
      });
    }
  });
  const connection = connect({ endpoints: "http://fake:2379", transport: () => transport });
  return { auth: createAuth(connection), sent };
}

type Row = readonly [
  name: string,
  call: (auth: Auth, call?: CallOptions) => Promise<unknown>,
  request: object,
];

/** Every method, with what it sends. */
const methods: readonly Row[] = [
  ["AuthEnable", (auth, call) => auth.enable(call), {}],
  ["AuthDisable", (auth, call) => auth.disable(call), {}],
  ["AuthStatus", (auth, call) => auth.status(call), {}],
  ["Authenticate", (auth, call) => auth.authenticate("ann", canary, call), { name: "ann", password: canary }],
  [
    "UserAdd",
    (auth, call) => auth.users.add("ann", { password: canary, ...call }),
    { name: "ann", password: canary, options: { noPassword: false }, hashedPassword: "" },
  ],
  ["UserGet", (auth, call) => auth.users.get("ann", call), { name: "ann" }],
  ["UserList", (auth, call) => auth.users.list(call), {}],
  ["UserDelete", (auth, call) => auth.users.delete("ann", call), { name: "ann" }],
  [
    "UserChangePassword",
    (auth, call) => auth.users.changePassword("ann", canary, call),
    { name: "ann", password: canary, hashedPassword: "" },
  ],
  ["UserGrantRole", (auth, call) => auth.users.grantRole("ann", "r", call), { user: "ann", role: "r" }],
  ["UserRevokeRole", (auth, call) => auth.users.revokeRole("ann", "r", call), { name: "ann", role: "r" }],
  ["RoleAdd", (auth, call) => auth.roles.add("r", call), { name: "r" }],
  ["RoleGet", (auth, call) => auth.roles.get("r", call), { role: "r" }],
  ["RoleList", (auth, call) => auth.roles.list(call), {}],
  ["RoleDelete", (auth, call) => auth.roles.delete("r", call), { role: "r" }],
  [
    "RoleGrantPermission",
    (auth, call) => auth.roles.grantPermission("r", "write", { prefix: "a/" }, call),
    { name: "r", perm: { permType: Permission_Type.WRITE, key: text("a/"), rangeEnd: text("a0") } },
  ],
  [
    "RoleRevokePermission",
    (auth, call) => auth.roles.revokePermission("r", { prefix: "a/" }, call),
    { role: "r", key: text("a/"), rangeEnd: text("a0") },
  ],
];

const rows = methods.map(([name, call]) => [name, call] as const);

describe("createAuth", () => {
  it("has a call for every method of etcd's service", () => {
    expect(methods.map(([name]) => name).sort()).toEqual(AuthService.methods.map(({ name }) => name).sort());
  });

  it.each(methods)("%s sends what it is given", async (method, call, request) => {
    const { auth, sent } = fake();
    await call(auth);
    expect(sent).toMatchObject([{ method, request }]);
  });

  it.each(rows)("%s takes the options of a call, and no others", async (_, call) => {
    const { auth, sent } = fake();
    await call(auth, { headers: { "x-trace": "7" } });
    expect(sent[0]?.headers.get("x-trace")).toBe("7");
    const misspelt = { timeout: 5 } as CallOptions;
    await expect(call(auth, misspelt)).rejects.toThrow(/^unknown option "timeout" of /);
    await expect(call(auth, { timeoutMs: 0 })).rejects.toThrow(RangeError);
    expect(sent).toHaveLength(1);
  });

  it.each(rows)("%s ends with the reason of its signal", async (_, call) => {
    const { auth, sent } = fake();
    const reason = new Error("changed my mind");
    await expect(call(auth, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });

  it.each(rows)("%s rejects with the code of etcd's error, which holds no password", async (_, call) => {
    const { auth } = fake(new ConnectError("etcdserver: permission denied", Code.PermissionDenied));
    const error: unknown = await call(auth).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(canary);
  });

  it("tells of writes, and of writes only, what is known of them", async () => {
    const { auth } = fake(new ConnectError("broken", Code.Internal));
    const outcomes = await Promise.all(
      rows.map(async ([name, call]) => [name, outcomeOf(await call(auth).catch((error: unknown) => error))]),
    );
    const reads = outcomes.filter(([, outcome]) => outcome === undefined).map(([name]) => name);
    expect(reads).toEqual(["AuthStatus", "UserGet", "UserList", "RoleGet", "RoleList"]);
  });
});

describe("answers", () => {
  it("have the header of the server", async () => {
    const { auth } = fake({ header });
    for (const [name, call] of rows) {
      if (name !== "Authenticate") await expect(call(auth)).resolves.toMatchObject({ header });
    }
  });

  it("have a header of zeros where the server sent none", async () => {
    const { auth } = fake();
    await expect(auth.enable()).resolves.toMatchObject({ header: noHeader });
    await expect(auth.users.get("ann")).resolves.toMatchObject({ header: noHeader, roles: [] });
    await expect(auth.roles.get("r")).resolves.toMatchObject({ header: noHeader, permissions: [] });
  });

  it("carry what was asked for", async () => {
    await expect(fake({ enabled: true, authRevision: 2n ** 64n - 1n }).auth.status()).resolves.toMatchObject({
      enabled: true,
      authRevision: 2n ** 64n - 1n,
    });
    await expect(fake({ token: "abc.1" }).auth.authenticate("ann", canary)).resolves.toBe("abc.1");
    await expect(fake({ roles: ["r"] }).auth.users.get("ann")).resolves.toMatchObject({ roles: ["r"] });
    await expect(fake({ users: ["ann"] }).auth.users.list()).resolves.toMatchObject({ users: ["ann"] });
    await expect(fake({ roles: ["r"] }).auth.roles.list()).resolves.toMatchObject({ roles: ["r"] });
  });
});

describe("users.add", () => {
  it("makes a user without a password when told so", async () => {
    const { auth, sent } = fake();
    await auth.users.add("ann", { noPassword: true });
    expect(sent).toMatchObject([{ request: { name: "ann", password: "", options: { noPassword: true } } }]);
  });

  it("passes an empty password on, as one that somebody chose", async () => {
    const { auth, sent } = fake();
    await auth.users.add("ann", { password: "" });
    expect(sent).toMatchObject([{ request: { password: "", options: { noPassword: false } } }]);
  });

  it.each([
    ["neither", {}],
    ["nothing at all", undefined],
    ["a password that is undefined", { password: undefined }],
    ["both", { password: canary, noPassword: true }],
    ["a password that is no string", { password: 5 }],
    ["a noPassword that is no boolean", { noPassword: "true" }],
    ["half a character", { password: `${canary}\ud800` }],
  ])("refuses %s, without showing it", async (_, options) => {
    const { auth, sent } = fake();
    const error: unknown = await auth.users.add("ann", options as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(/assword/);
    expect(inspect(error)).not.toContain(canary);
    expect(sent).toEqual([]);
  });
});

describe("names", () => {
  const notText: readonly unknown[] = [undefined, null, 5, text("ann"), "a\udc00"];
  const calls: readonly (readonly [string, (auth: Auth, bad: never) => Promise<unknown>])[] = [
    ["name", (auth, bad) => auth.authenticate(bad, canary)],
    ["password", (auth, bad) => auth.authenticate("ann", bad)],
    ["name", (auth, bad) => auth.users.add(bad, { password: canary })],
    ["name", (auth, bad) => auth.users.get(bad)],
    ["name", (auth, bad) => auth.users.delete(bad)],
    ["name", (auth, bad) => auth.users.changePassword(bad, canary)],
    ["password", (auth, bad) => auth.users.changePassword("ann", bad)],
    ["name", (auth, bad) => auth.users.grantRole(bad, "r")],
    ["role", (auth, bad) => auth.users.grantRole("ann", bad)],
    ["name", (auth, bad) => auth.users.revokeRole(bad, "r")],
    ["role", (auth, bad) => auth.users.revokeRole("ann", bad)],
    ["name", (auth, bad) => auth.roles.add(bad)],
    ["name", (auth, bad) => auth.roles.get(bad)],
    ["name", (auth, bad) => auth.roles.delete(bad)],
    ["name", (auth, bad) => auth.roles.grantPermission(bad, "read", "k")],
    ["name", (auth, bad) => auth.roles.revokePermission(bad, "k")],
  ];

  it.each(calls)("that are no text are refused by the name of the argument: %s of %s", async (name, call) => {
    const { auth, sent } = fake();
    for (const bad of notText) {
      const error: unknown = await call(auth, bad as never).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TypeError);
      expect((error as TypeError).message).toMatch(new RegExp(`^${name} (must be a string|has a lone)`));
    }
    expect(sent).toEqual([]);
  });

  it("that are empty are for the server to refuse", async () => {
    const { auth, sent } = fake();
    await auth.roles.add("");
    expect(sent).toMatchObject([{ request: { name: "" } }]);
  });

  it("may be those of properties that every object has", async () => {
    const { auth, sent } = fake();
    await auth.users.add("__proto__", { password: "constructor" });
    expect(sent).toMatchObject([{ request: { name: "__proto__", password: "constructor" } }]);
  });
});

describe("permissions", () => {
  const { READ, READWRITE } = Permission_Type;

  it.each([
    ["a key", "k", { key: text("k"), rangeEnd: text("") }, text("k")],
    ["a prefix", { prefix: "a/" }, { key: text("a/"), rangeEnd: text("a0") }, { prefix: text("a/") }],
    [
      "a range",
      { from: "a", to: "c" },
      { key: text("a"), rangeEnd: text("c") },
      { from: text("a"), to: text("c") },
    ],
    ["all from a key on", { from: "z" }, { key: text("z"), rangeEnd: text("\0") }, { from: text("z") }],
    ["every key", { from: "\0" }, { key: text("\0"), rangeEnd: text("\0") }, { from: text("\0") }],
    [
      "a range that is a prefix",
      { from: "a", to: "b" },
      { key: text("a"), rangeEnd: text("b") },
      { prefix: text("a") },
    ],
    [
      "a prefix without an end",
      { prefix: Uint8Array.of(0xff) },
      { key: Uint8Array.of(0xff), rangeEnd: text("\0") },
      { from: Uint8Array.of(0xff) },
    ],
  ])("for %s are granted, told and revoked in the same words", async (_, keys, wire, told) => {
    const { auth, sent } = fake();
    await auth.roles.grantPermission("r", "readwrite", keys);
    await auth.roles.revokePermission("r", keys);
    await auth.roles.revokePermission("r", told);
    expect(sent).toMatchObject([
      { request: { name: "r", perm: { permType: READWRITE, ...wire } } },
      { request: { role: "r", ...wire } },
      { request: { role: "r", ...wire } },
    ]);
    const { permissions } = await fake({ perm: [{ permType: READ, ...wire }] }).auth.roles.get("r");
    expect(permissions).toEqual([{ type: "read", keys: told }]);
  });

  it("from the empty key on, as other clients grant them, are revoked as they are", async () => {
    const perm = [{ permType: READWRITE, key: text(""), rangeEnd: text("\0") }];
    const { permissions } = await fake({ perm }).auth.roles.get("root");
    expect(permissions).toEqual([{ type: "readwrite", keys: { from: text("") } }]);
    const { auth, sent } = fake();
    for (const { keys } of permissions) await auth.roles.revokePermission("r", keys);
    expect(sent).toMatchObject([{ request: { key: text(""), rangeEnd: text("\0") } }]);
  });

  it.each([
    ["read", 0],
    ["WRITE", 1],
    ["ReadWrite", 2],
  ])("have a type that is read in any case: %s", async (type, permType) => {
    const { auth, sent } = fake();
    await auth.roles.grantPermission("r", type as never, "k");
    expect(sent).toMatchObject([{ request: { perm: { permType } } }]);
  });

  it.each(["", "rw", "readwrite ", "constructor", undefined, 2])("have no type %s", async (type) => {
    const { auth, sent } = fake();
    const granting = auth.roles.grantPermission("r", type as never, "k");
    await expect(granting).rejects.toThrow(
      new TypeError('permission type must be "read", "write" or "readwrite"'),
    );
    expect(sent).toEqual([]);
  });

  it.each([
    ["keys", ""],
    ["keys", new Uint8Array()],
    ["keys.prefix", { prefix: "" }],
    ["keys.from", { from: "" }],
    ["keys.from", { from: new Uint8Array(), to: "z" }],
  ])("are not granted by mistake where %s is empty: %o", async (name, keys) => {
    const { auth, sent } = fake();
    const granting = auth.roles.grantPermission("r", "read", keys);
    await expect(granting).rejects.toThrow(
      new TypeError(`${name} must not be empty: ${String.raw`for every key, say { from: "\0" }`}`),
    );
    expect(sent).toEqual([]);
  });

  it.each([
    [undefined],
    [null],
    [5],
    [{}],
    [{ prefix: "a", from: "b" }],
    [{ prefix: 5 }],
    [{ from: "a", until: "b" }],
  ])("of keys that are none are refused: %o", async (keys) => {
    const { auth, sent } = fake();
    await expect(auth.roles.grantPermission("r", "read", keys as never)).rejects.toThrow(TypeError);
    await expect(auth.roles.revokePermission("r", keys as never)).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });

  it("of a range that ends before it begins are refused", async () => {
    const { auth } = fake();
    const reversed = { from: "b", to: "a" };
    const error = new RangeError("keys.to must be greater than keys.from");
    await expect(auth.roles.grantPermission("r", "read", reversed)).rejects.toThrow(error);
    await expect(auth.roles.revokePermission("r", reversed)).rejects.toThrow(error);
  });

  it("of a type that etcd does not have are a PROTOCOL error", async () => {
    const { auth } = fake({ perm: [{ permType: 3 as Permission_Type, key: text("k") }] });
    await expect(auth.roles.get("r")).rejects.toMatchObject({ code: "PROTOCOL" });
  });
});
