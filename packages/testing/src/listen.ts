import { randomInt } from "node:crypto";
import { once } from "node:events";
import type { ListenOptions, Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const patienceMs = 5_000;

// Below the ports that systems give to whoever asks for any: Linux gives those from 32768 on, others from 49152 on (RFC 6335).
const [lowestPort, ports] = [10_240, 22_000];
// Processes begin at different places, so that they rarely meet.
let place = randomInt(ports);

/** The next port to try. None comes twice before all have come. */
function nextPort(): number {
  place = (place + 1) % ports;
  return lowestPort + place;
}

/**
 * Listens, on a port that was given up for a while too: someone's short use of it is waited out for up to 5 seconds.
 *
 * Port 0 is one that nobody else is given by chance as soon as it is free for a while: of those that the system chooses, it
 * may give the next program the same.
 *
 * @param create - Makes a server; called again for every attempt, since one that failed is of no more use.
 */
export async function listen(options: ListenOptions, create: () => Server): Promise<Server> {
  const deadline = performance.now() + patienceMs;
  const chooses = options.port === 0;
  while (true) {
    const server = create();
    try {
      server.listen(chooses ? { ...options, port: nextPort() } : options);
      await once(server, "listening");
      return server;
    } catch (error) {
      if (!isTaken(error) || performance.now() > deadline) throw error;
      if (!chooses) await delay(50);
    }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
