import { once } from "node:events";
import type { ListenOptions, Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const patienceMs = 5_000;

/**
 * Listens, on a port that was given up for a while too: someone's short use of it is waited out for up to 5 seconds.
 *
 * @param create - Makes a server; called again for every attempt, since one that failed is of no more use.
 */
export async function listen(options: ListenOptions, create: () => Server): Promise<Server> {
  const deadline = performance.now() + patienceMs;
  while (true) {
    const server = create();
    try {
      server.listen(options);
      await once(server, "listening");
      return server;
    } catch (error) {
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!isTaken || performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}
