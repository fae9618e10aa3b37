import type { Address } from "../../src/dial.js";

/** An address from `http://host:port`, `https://host:port`, `unix:path` or `unixs:path`. */
export function address(url: string): Address {
  const unix = /^unix(s?):(.+)$/.exec(url);
  if (unix !== null) {
    const path = unix[2] ?? "";
    return { target: { path }, tls: unix[1] === "s", authority: "localhost", serverName: "localhost" };
  }
  const { hostname, port, host, protocol } = new URL(url);
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    target: { host: name, port: Number(port) },
    tls: protocol === "https:",
    authority: host,
    serverName: name,
  };
}
