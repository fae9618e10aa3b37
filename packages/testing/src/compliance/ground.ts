import { randomUUID } from "node:crypto";
import { concatBytes, type KeyValue, type Kv, utf8 } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";

/** What a suite runs on. */
export interface KvFixture extends AsyncDisposable {
  readonly kv: Kv;
}

/** Makes a fixture. Called once for each case; the store behind it may be shared by all of them. */
export type KvSetup = () => Promise<KvFixture>;

/**
 * The place of one case in a store that others may be using: keys with a prefix of its own. Cases take it apart, so what
 * it can do are fields, not methods.
 */
export class Ground {
  readonly kv: Kv;
  readonly #prefix = `compliance/${randomUUID()}/`;

  constructor(kv: Kv) {
    this.kv = kv;
  }

  /** A key of this case. */
  readonly key = (name: string | readonly number[]): Uint8Array => {
    const own = typeof name === "string" ? toBytes(name, "name") : Uint8Array.from(name);
    return concatBytes(toBytes(this.#prefix, "prefix"), own);
  };

  /** All keys of this case, or those that begin with `name`. */
  readonly prefix = (name: string | readonly number[] = ""): { readonly prefix: Uint8Array } => ({
    prefix: this.key(name),
  });

  /** Keys of this case from one name up to another. */
  readonly between = (from: string, to: string): { readonly from: Uint8Array; readonly to: Uint8Array } => ({
    from: this.key(from),
    to: this.key(to),
  });

  /** Writes keys one after another, so that each has a revision of its own; resolves with these revisions. */
  readonly write = async <Pairs extends readonly (readonly [name: string, value: string])[]>(
    ...pairs: Pairs
  ): Promise<{ readonly [I in keyof Pairs]: bigint }> => {
    const revisions: bigint[] = [];
    for (const [name, value] of pairs) {
      revisions.push((await this.kv.put(this.key(name), value)).header.revision);
    }
    return revisions as { readonly [I in keyof Pairs]: bigint };
  };

  /** Names of keys of this case. */
  readonly names = (kvs: readonly KeyValue[]): readonly string[] =>
    kvs.map(({ key }) => utf8(key.subarray(this.key("").length)));

  /** The value of a key, as text. */
  readonly value = async (name: string): Promise<string | undefined> => {
    const found = await this.kv.get(this.key(name));
    return found === undefined ? undefined : utf8(found.value);
  };
}

/** The body of a case: gets its fixture, and gives it back whatever happens. */
export function on(setup: KvSetup, body: (ground: Ground) => Promise<void>): () => Promise<void> {
  return async () => {
    const fixture = await setup();
    try {
      await body(new Ground(fixture.kv));
    } finally {
      await fixture[Symbol.asyncDispose]();
    }
  };
}

/** Everything that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
