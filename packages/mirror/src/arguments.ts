import { isBytesLike } from "@etcdkit/core/spi";

/** Refuses what is neither text nor bytes. */
export function checkBytesLike(value: unknown, name: string): void {
  if (!isBytesLike(value)) throw new TypeError(`${name} must be a string or a Uint8Array`);
}
