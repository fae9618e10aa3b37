import { parseEndpoint } from "@etcdkit/core";

/**
 * Checks the URLs under which a member is reached by the other members, as etcd's own clients do before they send them: not
 * one of them missing, each `http://host:port`, `https://host:port`, `unix://…` or `unixs://…` and nothing behind it.
 *
 * @param value - Several, or one string with several separated by commas. White space around each is dropped.
 * @throws `TypeError` that names the one that cannot be used.
 */
export function toPeerUrls(value: string | readonly string[]): string[] {
  const urls: readonly unknown[] = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(urls)) throw new TypeError("peerUrls must be a string or an array of strings");
  if (urls.length === 0) throw new TypeError("peerUrls must not be empty");
  return urls.map((url: unknown, i) => toPeerUrl(url, `peerUrls[${i}]`));
}

function toPeerUrl(value: unknown, name: string): string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  const url = value.trim();
  const [, scheme, rest = ""] = /^(https?|unixs?):\/\/(.*)$/s.exec(url) ?? [];
  if (scheme === undefined) {
    throw new TypeError(`${name} must begin with http://, https://, unix:// or unixs://`);
  }
  if (rest.includes("@")) throw new TypeError(`${name} must not have a user name or password`);
  if (scheme.startsWith("http")) {
    if (rest.includes("/")) throw new TypeError(`${name} must not have a path`);
    if (!/:\d+$/.test(rest)) throw new TypeError(`${name} must have the form ${scheme}://host:port`);
  }
  try {
    parseEndpoint(url, false);
  } catch (cause) {
    throw new TypeError(`${name} cannot be used: ${cause instanceof Error ? cause.message : "no URL"}`);
  }
  return url;
}
