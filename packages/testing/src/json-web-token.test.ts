import { generateKeyPairSync, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signToken } from "./json-web-token.js";

describe("a signed token", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });

  it("says who, at which revision and until when, under a signature that verifies", () => {
    const before = Math.floor(Date.now() / 1000);
    const token = signToken(privateKey, {
      username: 'o"neill',
      revision: 9_007_199_254_740_993n,
      ttlSeconds: 10,
    });
    const [head = "", body = "", signature = ""] = token.split(".");
    const text = Buffer.from(body, "base64url").toString();
    expect(JSON.parse(Buffer.from(head, "base64url").toString())).toEqual({ alg: "RS256", typ: "JWT" });
    expect(text).toContain('"revision":9007199254740993,');
    const claims = JSON.parse(text);
    expect(claims.username).toBe('o"neill');
    expect(claims.exp - before).toBeGreaterThanOrEqual(10);
    expect(claims.exp - before).toBeLessThanOrEqual(12);
    expect(
      verify("RSA-SHA256", Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, "base64url")),
    ).toBe(true);
  });

  it("refuses a life that is no number", () => {
    const claims = { username: "root", revision: 1n, ttlSeconds: Number.NaN };
    expect(() => signToken(privateKey, claims)).toThrow(/^ttlSeconds:/);
  });
});
