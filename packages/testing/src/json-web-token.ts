import { createPrivateKey, sign } from "node:crypto";

/** What etcd reads in a token. */
export interface TokenClaims {
  readonly username: string;
  /**
   * The auth revision that the token was made at. etcd refuses the token once its auth store has moved on; `authRevision`
   * tells the current one.
   */
  readonly revision: bigint;
  /** Seconds from now until it expires; may be negative for one that has. Default 300. */
  readonly ttlSeconds?: number | undefined;
}

/**
 * Signs a JSON Web Token (RFC 7519, RS256) as an identity provider would, for a server that was started with
 * `--auth-token jwt,...`.
 *
 * @param privateKey - RSA private key, PEM.
 */
export function signToken(privateKey: string, claims: TokenClaims): string {
  const { username, revision, ttlSeconds = 300 } = claims;
  if (!Number.isFinite(ttlSeconds)) throw new RangeError(`ttlSeconds: expected a number, got ${ttlSeconds}`);
  const expiry = Math.floor(Date.now() / 1000) + Math.ceil(ttlSeconds);
  const head = encode('{"alg":"RS256","typ":"JWT"}');
  // Put together as text since a bigint has no JSON of its own, and a number would lose digits.
  const body = encode(`{"username":${JSON.stringify(username)},"revision":${revision},"exp":${expiry}}`);
  const signature = sign("RSA-SHA256", Buffer.from(`${head}.${body}`), createPrivateKey(privateKey));
  return `${head}.${body}.${signature.toString("base64url")}`;
}

function encode(json: string): string {
  return Buffer.from(json).toString("base64url");
}
