import type { Connection } from "@etcdkit/core";

/** Refuses what has no transport to call services over. */
export function checkConnection(value: unknown): asserts value is Pick<Connection, "transport"> {
  const isConnection = typeof value === "object" && value !== null && "transport" in value;
  if (!isConnection) throw new TypeError("connection must be a Connection");
}
