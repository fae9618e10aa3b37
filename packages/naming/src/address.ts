/** What is dialled. */
export type DialTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Reads the address of an endpoint: `host:port`, IPv6 hosts in brackets, `unix:path` or `unix:///path`.
 *
 * @throws `TypeError` for anything else, such as an address without a port: there is none that all services use.
 */
export function parseAddress(address: string): DialTarget {
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(address);
  if (unix?.[1] !== undefined) return { path: unix[1] };
  const [, bracketed, plain, digits = ""] =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:/?#@[\]]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new TypeError('the address of an endpoint must be "host:port" or "unix:path"');
  }
  return { host, port };
}
