import { Buffer } from "node:buffer";

/** A map whose keys are compared byte by byte. Keeps the order in which keys were first set. */
export class KeyMap<V> {
  readonly #entries = new Map<string, { readonly key: Uint8Array; readonly value: V }>();

  has(key: Uint8Array): boolean {
    return this.#entries.has(nameOf(key));
  }

  /** The value, in an object of its own: `undefined` can be one. */
  get(key: Uint8Array): { readonly value: V } | undefined {
    return this.#entries.get(nameOf(key));
  }

  set(key: Uint8Array, value: V): void {
    this.#entries.set(nameOf(key), { key, value });
  }

  [Symbol.iterator](): IterableIterator<{ readonly key: Uint8Array; readonly value: V }> {
    return this.#entries.values();
  }
}

/** One character per byte, whatever the bytes mean as text. */
function nameOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
