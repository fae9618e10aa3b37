import { isIPv6 } from "node:net";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { KV } from "@etcdkit/core/protocol";
import type { EtcdMember } from "@etcdkit/testing";
import {
  type Address,
  createHttp2Transport,
  dispositionOf,
  type EndpointTransport,
  type Http2TransportOptions,
} from "@etcdkit/transport";

/** Where an endpoint is, of any of the schemes. */
export function addressOf(endpoint: string): Address {
  const url = new URL(endpoint);
  const tls = url.protocol === "https:" || url.protocol === "unixs:";
  if (url.protocol.startsWith("unix")) {
    return {
      target: { path: decodeURIComponent(url.pathname) },
      tls,
      authority: "localhost",
      serverName: "localhost",
    };
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const serverName = isIPv6(host) ? "localhost" : host;
  return { target: { host, port: Number(url.port) }, tls, authority: url.host, serverName };
}

/** Our transport on one server, and nothing above it. */
export interface Ground extends AsyncDisposable {
  readonly link: EndpointTransport;
  readonly kv: Client<typeof KV>;
  /** The states that the link has gone through. */
  readonly states: string[];
  connect(timeoutMs?: number): Promise<void>;
}

export function onServer(endpoint: string, options: Omit<Http2TransportOptions, "endpoint"> = {}): Ground {
  const link = createHttp2Transport({ ...options, endpoint: addressOf(endpoint) });
  const states: string[] = [];
  link.subscribe(({ state }) => states.push(state));
  return {
    link,
    kv: createClient(KV, link),
    states,
    connect: (timeoutMs = 5_000) => link.connect(AbortSignal.timeout(timeoutMs)),
    [Symbol.asyncDispose]: () => link.close(),
  };
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);

/** How often a key was written since it was made. */
export async function versionOf(kv: Client<typeof KV>, key: string): Promise<bigint> {
  const { kvs } = await kv.range({ key: bytes(key) });
  return kvs[0]?.version ?? 0n;
}

/** How a call failed: the name of its code and what is known of it, as in `Unavailable unknown`. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  return error instanceof ConnectError ? `${Code[error.code]} ${dispositionOf(error)}` : String(error);
}

/** Freezes a member. */
export async function freeze(member: EtcdMember | undefined): Promise<void> {
  if (member === undefined) throw new Error("there is no member");
  await member.pause();
}
