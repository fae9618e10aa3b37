import type { Socket } from "node:net";

/**
 * Ends a connection so that the other side sees an error rather than an end (TCP RST). A unix socket has no such thing:
 * there the other side sees an end.
 */
export function resetSocket(socket: Socket): void {
  if (socket.connecting || socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
