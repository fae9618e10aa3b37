import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/**
 * Asks the operating system for TCP ports that nobody listens on.
 *
 * They are reserved together, so they differ, and are free again when this resolves: another program can take one
 * before you do. Whoever starts a server on such a port must be ready to ask again.
 *
 * @param count - How many, at least 1.
 * @param host - The address that they must be free on. Default `127.0.0.1`.
 */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<readonly number[]> {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`count: expected 1 or more, got ${count}`);
  const holders = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      holders.map(async (holder) => {
        holder.listen(0, host);
        await once(holder, "listening");
        return (holder.address() as AddressInfo).port;
      }),
    );
  } finally {
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  }
}
