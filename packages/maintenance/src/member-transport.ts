import type { Connection } from "@etcdkit/core";

/** The transport to one member. */
export function memberTransport(
  connection: Pick<Connection, "endpoint">,
  endpoint: string,
): ReturnType<Connection["endpoint"]> {
  checkEndpoint(endpoint, "endpoint");
  return connection.endpoint(endpoint);
}

/** Refuses what is no text; what the text means is for the connection to judge. */
export function checkEndpoint(value: unknown, name: string): asserts value is string {
  if (typeof value !== "string" || value === "") {
    throw new TypeError(`${name} must be the URL of a member, such as "http://10.0.0.1:2379"`);
  }
}
