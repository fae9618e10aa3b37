import { isBytesLike } from "@etcdkit/core/spi";

/** Refuses what is neither text nor bytes. */
export function checkBytesLike(value: unknown, name: string): void {
  if (!isBytesLike(value)) throw new TypeError(`${name} must be a string or a Uint8Array`);
}

/** Refuses what has no method of that name, and so cannot be the service that is needed. */
export function checkService(value: unknown, method: string, name: string): void {
  if (typeof value !== "object" || value === null || !(method in value)) {
    throw new TypeError(`${name} must have a method ${method}`);
  }
}
