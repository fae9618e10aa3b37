import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type Transport } from "@connectrpc/connect";
import { Auth, Permission_Type } from "@etcdkit/core/protocol";
import { signToken, type TokenClaims } from "./json-web-token.js";

/** A user of a cluster with authentication, as its log-in takes it. */
export interface ClusterUser {
  readonly name: string;
  /** In plain text: these users exist in tests only. */
  readonly password: string;
}

/** Who may enter a cluster with authentication, and with which tokens. */
export interface ClusterAuth {
  readonly kind: "simple" | "jwt";
  /** The user `root`, who may do everything. */
  readonly root: ClusterUser;
  /** The user `reader`, who may read the keys below `public/` and nothing else. */
  readonly reader: ClusterUser;
  /** Signs a token as the servers would; only for `jwt`. A `simple` token means nothing outside the servers. */
  signToken?(claims: TokenClaims): string;
}

/** Makes the key pair that a JWT cluster signs with, and the server arguments that go with the choice. */
export async function planAuth(
  directory: string,
  kind: ClusterAuth["kind"],
  tokenTtlSeconds: number | undefined,
): Promise<{ readonly args: readonly string[]; readonly auth: ClusterAuth }> {
  const users = {
    root: { name: "root", password: "root-password" },
    reader: { name: "reader", password: "reader-password" },
  };
  // The cheapest password hash: the default takes 0.1 s of CPU for every log-in.
  const cheap = ["--bcrypt-cost", "4"];
  if (kind === "simple") {
    const ttl = tokenTtlSeconds === undefined ? [] : ["--auth-token-ttl", `${tokenTtlSeconds}`];
    return { args: [...cheap, "--auth-token", "simple", ...ttl], auth: { kind, ...users } };
  }
  await mkdir(directory, { recursive: true });
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const [publicFile, privateFile] = [join(directory, "token.pub"), join(directory, "token.key")];
  await Promise.all([writeFile(publicFile, publicKey), writeFile(privateFile, privateKey, { mode: 0o600 })]);
  const token = `jwt,pub-key=${publicFile},priv-key=${privateFile},sign-method=RS256,ttl=${tokenTtlSeconds ?? 300}s`;
  return {
    args: [...cheap, "--auth-token", token],
    auth: { kind, ...users, signToken: (claims) => signToken(privateKey, claims) },
  };
}

/** Creates the users of {@link ClusterAuth} with their roles and switches authentication on. */
export async function enableAuth(transport: Transport, { root, reader }: ClusterAuth): Promise<void> {
  const auth = createClient(Auth, transport);
  await auth.roleAdd({ name: "root" });
  await auth.userAdd(root);
  await auth.userGrantRole({ user: root.name, role: "root" });
  await auth.roleAdd({ name: "reader" });
  await auth.roleGrantPermission({
    name: "reader",
    perm: { permType: Permission_Type.READ, key: Buffer.from("public/"), rangeEnd: Buffer.from("public0") },
  });
  await auth.userAdd(reader);
  await auth.userGrantRole({ user: reader.name, role: "reader" });
  await auth.authEnable({});
}

/**
 * The revision of the auth store, as the tokens of a JWT cluster carry it. It is read from a token that the server signs:
 * before 3.5 nothing else tells.
 *
 * @param transport - Of any connection; no token is needed.
 * @throws Error when the cluster's tokens are not JWT.
 */
export async function authRevision(transport: Transport, { name, password }: ClusterUser): Promise<bigint> {
  const { token } = await createClient(Auth, transport).authenticate({ name, password });
  const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  if (typeof claims !== "object" || claims === null || !("revision" in claims)) {
    throw new Error("the token names no revision");
  }
  return BigInt(claims.revision as number);
}
