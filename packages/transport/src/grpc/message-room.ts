const stepBytes = 8 * 1024;
/** Room of up to this length is used again. */
const longestBytes = 4 * 1024 * 1024;
/** The most that is kept for that by all connections of the process together. */
const mostBytes = 8 * 1024 * 1024;
const spare: Buffer[] = [];
let spareBytes = 0;

/**
 * Room to collect a message in, at least so long; what is in it is of no meaning. It is used again once it is given back:
 * fresh memory costs more than what is copied into it.
 */
export function takeRoom(bytes: number): Buffer {
  if (bytes > longestBytes) return Buffer.allocUnsafeSlow(bytes);
  const used = spare.pop();
  if (used !== undefined) {
    spareBytes -= used.length;
    if (used.length >= bytes) return used;
  }
  return Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes);
}

/** Takes back room that nobody reads any more. Room that is not given back is garbage like any other. */
export function giveBackRoom(room: Buffer): void {
  if (room.length === 0 || room.length > longestBytes || spareBytes + room.length > mostBytes) return;
  spareBytes += room.length;
  spare.push(room);
}
