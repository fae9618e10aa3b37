import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

/** A port where nobody answers a connection's first packet (SYN), nor refuses it: the kernel drops it. */
export interface SilentPort extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/**
 * Opens a silent port, with no rights that a test would not have: a program that has stopped listens, and its short
 * queue is full, so that whoever comes next is left without an answer, as behind a firewall that drops.
 *
 * @param host - An address of this machine.
 */
export async function openSilentPort(host = "127.0.0.1"): Promise<SilentPort> {
  const program = fileURLToPath(new URL("./programs/silent-port.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, host], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const queued: Socket[] = [];
  const ended = once(child, "exit");
  const close = async (): Promise<void> => {
    for (const socket of queued) socket.destroy();
    child.kill("SIGKILL");
    await ended;
  };
  try {
    const [port] = await once(child, "message");
    // Linux queues one more than it is asked to.
    for (let place = 0; place < 2; place++) {
      const socket = connect({ host, port });
      queued.push(socket);
      socket.on("error", () => undefined);
      await once(socket, "connect");
    }
    return { host, port, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
