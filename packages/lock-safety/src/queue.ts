/** One that stands in a queue. */
interface Place {
  readonly key: string;
  readonly revision: bigint;
  readonly shared: boolean;
}

/** Who stands in the queue under a name, and who of them owns what it is for, by the rules of etcd's recipes. */
export class Queue {
  /** In the order in which they came. */
  readonly #places: Place[] = [];

  /** @param revision - At which the key was created. Later than that of everybody who is there. */
  arrive(key: string, revision: bigint, shared: boolean): void {
    if (!this.#places.some((place) => place.key === key)) this.#places.push({ key, revision, shared });
  }

  /** Tells the revision at which the key had been created. */
  leave(key: string): bigint | undefined {
    const index = this.#places.findIndex((place) => place.key === key);
    return index === -1 ? undefined : this.#places.splice(index, 1)[0]?.revision;
  }

  /** The first; and where that one shares, those behind it that share too, up to the first that does not. */
  owners(): readonly Place[] {
    const alone = this.#places.findIndex(({ shared }) => !shared);
    return alone === -1 ? this.#places : this.#places.slice(0, Math.max(1, alone));
  }
}
