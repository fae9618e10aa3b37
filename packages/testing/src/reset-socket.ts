import type { Socket } from "node:net";

/**
 * Ends a connection so that the other side sees an error rather than an end (TCP RST). A unix socket has no such thing, and
 * where an end was sent it is too late for it: there the other side sees an end.
 */
export function resetSocket(socket: Socket): void {
  if (socket.connecting || socket.remoteFamily === undefined || isSendingItsEnd(socket)) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * In this moment the system refuses a reset (EINVAL), and Node then never closes the handle: no `close` is ever told, and
 * the process never ends, since it waits for all handles.
 */
function isSendingItsEnd({ writableEnded, writableFinished, writableLength }: Socket): boolean {
  return writableEnded && !writableFinished && writableLength === 0;
}
