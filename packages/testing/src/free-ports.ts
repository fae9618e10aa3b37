import { createServer, type Server } from "node:net";
import { listen } from "./listen.js";

/**
 * Finds TCP ports that nobody listens on.
 *
 * They are none of those that the operating system gives to whoever asks for any, be it to listen or for an outgoing
 * connection, and none is given twice by one process: so a server may be away for a while and finds its port free when it
 * comes back, and its clients do not meet somebody else there meanwhile. Another program can still be told to take one:
 * whoever starts a server on such a port must be ready to ask again.
 *
 * @param count - How many, at least 1.
 * @param host - The address that they must be free on. Default `127.0.0.1`.
 */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<readonly number[]> {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`count: expected 1 or more, got ${count}`);
  const holders: Server[] = [];
  try {
    while (holders.length < count) holders.push(await listen({ host, port: 0 }, () => createServer()));
    return holders.map(portOf);
  } finally {
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
