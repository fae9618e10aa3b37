import { isIPv6 } from "node:net";

/** Where one member listens. */
export interface Endpoint {
  /** The endpoint in its one canonical spelling; names it in events, errors and {@link Connection.states}. */
  readonly url: string;
  /** Whether the link is encrypted. */
  readonly tls: boolean;
  /** What is dialled: a host and port, or the path of a unix socket. */
  readonly target: { readonly host: string; readonly port: number } | { readonly path: string };
  /** What the server is told in `:authority`: host and port, or the file name of the socket. */
  readonly authority: string;
  /** The name that the server's certificate must carry, unless the TLS options name another. */
  readonly serverName: string;
}

/** The port of etcd's clients, used where an endpoint names none. */
export const defaultPort = 2379;

const schemes = "http://, https://, unix:, unixs: or none";

/**
 * Reads one endpoint: `http://host:port`, `https://host:port`, `unix:path`, `unixs:path` (also `unix:///path`), or bare
 * `host:port`, IPv6 hosts in brackets. `http` is plaintext, `https` and `unixs` are TLS, the others follow `tlsByDefault`.
 * A path behind host and port is dropped, a missing port is 2379.
 *
 * @throws `TypeError` that tells what is wrong with the endpoint. A user name or password in it is not repeated.
 */
export function parseEndpoint(text: string, tlsByDefault: boolean): Endpoint {
  if (typeof text !== "string") throw new TypeError(`endpoint: expected a string, got ${typeof text}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get into a header
  if (text === "" || /[\s\u0000-\u001f\u007f]/.test(text)) {
    throw new TypeError(`endpoint ${shown(text)}: empty, or holds white space or control characters`);
  }
  const unix = /^(unixs?):(?:\/\/)?(.*)$/.exec(text);
  if (unix !== null) return unixEndpoint(text, unix[1] === "unixs", unix[2] ?? "", tlsByDefault);
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(text);
  if (scheme === null) return hostEndpoint(text, text, tlsByDefault);
  const rest = text.slice(scheme[0].length);
  switch (scheme[1]) {
    case "http":
      return hostEndpoint(text, withoutPath(text, rest), false);
    case "https":
      return hostEndpoint(text, withoutPath(text, rest), true);
    default:
      throw new TypeError(`endpoint ${shown(text)}: unknown scheme ${scheme[1]}://; use ${schemes}`);
  }
}

/** Reads a list of endpoints and drops those named twice. */
export function parseEndpoints(list: string | readonly string[], tlsByDefault: boolean): readonly Endpoint[] {
  const texts = typeof list === "string" ? list.split(",").map((part) => part.trim()) : list;
  if (!Array.isArray(texts)) throw new TypeError("endpoints: expected a string or an array of strings");
  if (texts.length === 0) throw new TypeError("endpoints: no endpoint given");
  const byUrl = new Map<string, Endpoint>();
  for (const text of texts) {
    const endpoint = parseEndpoint(text, tlsByDefault);
    byUrl.set(endpoint.url, endpoint);
  }
  const endpoints = [...byUrl.values()];
  // A token or a read that belongs on the encrypted side must not leave it because another member was picked.
  const plain = endpoints.find((endpoint) => !endpoint.tls);
  const encrypted = endpoints.find((endpoint) => endpoint.tls);
  if (plain !== undefined && encrypted !== undefined) {
    throw new TypeError(
      `endpoints: ${encrypted.url} uses TLS and ${plain.url} does not; one connection cannot mix them`,
    );
  }
  return endpoints;
}

function withoutPath(text: string, rest: string): string {
  const extra = rest.search(/[?#]/);
  if (extra >= 0) {
    // What stands behind it may be a token and is not repeated, nor what stands before it where a password goes on behind it.
    const known = text.slice(0, text.length - rest.length + extra);
    const name = rest.includes("@", extra) ? "" : ` ${shown(known)}`;
    throw new TypeError(`endpoint${name}: a query or fragment has no meaning in an endpoint`);
  }
  const slash = rest.indexOf("/");
  return slash < 0 ? rest : rest.slice(0, slash);
}

function hostEndpoint(text: string, authority: string, tls: boolean): Endpoint {
  if (authority.includes("@"))
    throw new TypeError(
      `endpoint ${shown(text)}: user name and password do not belong in an endpoint; use \`credentials\``,
    );
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(authority);
  if (parts === null)
    throw new TypeError(`endpoint ${shown(text)}: not host:port; an IPv6 address stands in brackets`);
  const [, bracketed, name, portText] = parts;
  const given = (bracketed ?? name ?? "").toLowerCase();
  if (bracketed !== undefined ? !isIPv6(given) || given.includes("%") : !isHostName(given)) {
    throw new TypeError(`endpoint ${shown(text)}: ${JSON.stringify(given)} is not a host name or address`);
  }
  // An IPv6 address has many spellings (RFC 5952); URL knows the canonical one.
  const host = bracketed === undefined ? given : new URL(`http://[${given}]`).hostname.slice(1, -1);
  const port = portText === undefined ? defaultPort : Number(portText);
  if (portText !== undefined && (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535)) {
    throw new TypeError(`endpoint ${shown(text)}: the port must be a number from 1 to 65535`);
  }
  const spelled = `${bracketed === undefined ? host : `[${host}]`}:${port}`;
  return {
    url: `${tls ? "https" : "http"}://${spelled}`,
    tls,
    target: { host, port },
    authority: spelled,
    serverName: host,
  };
}

function unixEndpoint(text: string, encrypted: boolean, path: string, tlsByDefault: boolean): Endpoint {
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (file === "") throw new TypeError(`endpoint ${shown(text)}: names no socket`);
  // The file name becomes a header value; a name that cannot be one is sent as localhost.
  const authority = /^[\x21-\x7e]+$/.test(file) ? file : "localhost";
  const tls = encrypted || tlsByDefault;
  return {
    url: `${tls ? "unixs" : "unix"}:${path}`,
    tls,
    target: { path },
    authority,
    serverName: authority.replace(/:\d*$/, ""),
  };
}

function isHostName(host: string): boolean {
  return (
    host.length <= 253 &&
    host.split(".").every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  );
}

/** The endpoint as an error may show it: nothing that could be a password. */
function shown(text: string): string {
  return JSON.stringify(text.includes("@") ? text.slice(text.lastIndexOf("@") + 1) : text);
}
