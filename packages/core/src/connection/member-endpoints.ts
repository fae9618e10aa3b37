import type { Member } from "../gen/etcdserverpb/rpc_pb.js";
import { type Endpoint, parseEndpoint } from "./endpoint.js";

/**
 * The endpoints that a member list offers to a connection: those of members that have started (they have a name) and
 * vote (learners serve next to nothing), on the connection's side of the line between TLS and plaintext. Client URLs are
 * what members say of themselves, so one that cannot be read is passed over.
 */
export function memberEndpoints(members: readonly Member[], tls: boolean): readonly Endpoint[] {
  const byUrl = new Map<string, Endpoint>();
  for (const member of members) {
    if (member.name === "" || member.isLearner) continue;
    for (const url of member.clientURLs) {
      const endpoint = readable(url, tls);
      if (endpoint !== undefined && endpoint.tls === tls) byUrl.set(endpoint.url, endpoint);
    }
  }
  return [...byUrl.values()];
}

function readable(url: string, tls: boolean): Endpoint | undefined {
  try {
    return parseEndpoint(url, tls);
  } catch {
    return undefined;
  }
}
