import type { JsonValue } from "@etcdkit/core";

/** Where one instance of a service can be reached. */
export interface Endpoint {
  /**
   * The address as clients dial it: `host:port`, IPv6 hosts in brackets, or `unix:path`. It is kept as it is written,
   * so a client of one's own may agree on something else, but no URL: `http://…` is refused where it would be written, and
   * read as it is where another program has written it.
   */
  readonly address: string;
  /**
   * What else clients are to know, such as a zone or a weight. It travels as JSON: numbers beyond 2^53 lose digits.
   * Absent, it is stored as `null`; `null` comes back as absent. Go's client takes it as deprecated but hands it on.
   */
  readonly metadata?: JsonValue | undefined;
}

/** One step of a directory: an instance came, or changed, or went. */
export type EndpointUpdate =
  | {
      readonly type: "add";
      /** `target/` and anything that nobody else uses. */
      readonly key: string;
      readonly endpoint: Endpoint;
    }
  | { readonly type: "delete"; readonly key: string };

/** Endpoints by their keys, in the order of keys as etcd has it: byte by byte. */
export type Endpoints = ReadonlyMap<string, Endpoint>;

/** Whether two endpoints say the same. */
export function sameEndpoint(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.address === b.address && JSON.stringify(a.metadata) === JSON.stringify(b.metadata);
}
