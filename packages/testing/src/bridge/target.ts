import type { NetConnectOpts } from "node:net";

/** A server: its endpoint as a client would write it, a host and port, or the path of a unix socket. */
export type BridgeTarget =
  | string
  | URL
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** @throws TypeError for anything that no connection can be made to. */
export function targetAddress(target: BridgeTarget): NetConnectOpts {
  if (typeof target === "object" && "path" in target) return { path: target.path };
  if (typeof target === "object" && "host" in target && !(target instanceof URL)) {
    return { host: target.host, port: target.port };
  }
  const url = new URL(target);
  if (url.protocol === "unix:" || url.protocol === "unixs:")
    return { path: decodeURIComponent(url.pathname) };
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`target: expected http, https, unix or unixs, got ${url.protocol}`);
  }
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

/** Whether a client would speak TLS to it. */
export function schemeOf(target: BridgeTarget): "http" | "https" {
  if (typeof target === "object" && !(target instanceof URL)) return "http";
  const { protocol } = new URL(target);
  return protocol === "https:" || protocol === "unixs:" ? "https" : "http";
}
