const stepBytes = 8 * 1024;
/** Room of up to this length is used again. */
const reusedBytes = 64 * 1024;
// One mebibyte at most.
const mostSpare = 16;
const spare: Buffer[] = [];

/**
 * Room to collect a message in, at least so long; what is in it is of no meaning. It is used again once it is given back,
 * since fresh memory costs more than what is copied into it.
 */
export function takeRoom(bytes: number): Buffer {
  if (bytes > reusedBytes) return Buffer.allocUnsafeSlow(bytes);
  const used = spare.pop();
  if (used !== undefined && used.length >= bytes) return used;
  return Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes);
}

/** Takes back room that nobody reads any more. Room that is not given back is garbage like any other. */
export function giveBackRoom(room: Buffer): void {
  if (room.length > 0 && room.length <= reusedBytes && spare.length < mostSpare) spare.push(room);
}
