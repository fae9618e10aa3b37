import { setImmediate as turn } from "node:timers/promises";
import { compare, type KeyValue, op, outcomeOf, utf8 } from "@etcdkit/core";
import { expect, it } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { MemoryStore } from "../../core/test/memory-store.js";
import { FakeNetwork, type Happening } from "../test/fake-network.js";
import { type LeasingKv, openLeasingKv } from "./open-leasing-kv.js";

const names = ["a", "b"];

/** Numbers below `below`, the same for each seed. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function oneOf<T>(choices: readonly T[], pick: (below: number) => number): T | undefined {
  return choices[pick(Math.max(choices.length, 1))];
}

/** Lets two clients read and write two keys while anything may happen, and judges all that they are told. */
async function run(seed: number): Promise<{ readonly reads: number; readonly hits: number }> {
  const [pick, leases, clock] = [chance(seed), new Set<bigint>(), new ManualClock()];
  const store = new MemoryStore({ leases });
  let ids = 0n;
  const networks = [0, 1].map(() => new FakeNetwork(store, leases, () => ++ids));
  const clients = await Promise.all(networks.map(({ services }) => openLeasingKv(services, "l/", { clock })));
  const calls = new Set<Promise<void>>();
  const refused: string[] = [];
  const once: string[] = [];
  let values = 0;
  let reads = 0;

  /** What is told of keys was so at the revision that is told, and at some moment of the call. */
  function judge(
    begun: bigint,
    told: bigint,
    keys: readonly string[],
    pairs: readonly (KeyValue | undefined)[],
  ): void {
    reads += 1;
    const wasSo = (revision: bigint): boolean => {
      const then = new Map(store.at(revision).map(({ key, modRevision }) => [utf8(key), modRevision]));
      return keys.every((name, i) => then.get(name) === pairs[i]?.modRevision);
    };
    expect(told, `seed ${seed}: the revision is one of the store`).toBeLessThanOrEqual(store.revision);
    expect(wasSo(told), `seed ${seed}: ${keys} at revision ${told}`).toBe(true);
    let revision = begun;
    while (revision <= store.revision && !wasSo(revision)) revision++;
    expect(revision, `seed ${seed}: ${keys} is stale, called at ${begun}`).toBeLessThanOrEqual(
      store.revision,
    );
  }

  async function read(kv: LeasingKv, name: string): Promise<void> {
    const begun = store.revision;
    const { header, kvs } = await kv.range(name);
    judge(begun, header.revision, [name], kvs.length === 0 ? [undefined] : kvs);
  }

  async function readBoth(kv: LeasingKv): Promise<void> {
    const begun = store.revision;
    const { header, responses } = await kv.txn({ success: [op.range("a"), op.range("b")] });
    judge(
      begun,
      header.revision,
      names,
      responses.map(({ kvs }) => kvs[0]),
    );
  }

  async function write(kv: LeasingKv, name: string): Promise<void> {
    const value = `v${values++}`;
    const call = { idempotent: pick(4) === 0, timeoutMs: pick(4) === 0 ? 50 : undefined };
    if (!call.idempotent) once.push(value);
    const put = op.put(name, value);
    const writes: (() => Promise<unknown>)[] = [
      () => kv.put(name, value, call),
      () =>
        kv.txn(
          { compare: [compare.version("b").greaterThan(1n)], success: [put], failure: [op.delete("b")] },
          call,
        ),
      () =>
        kv.txn(
          { success: [op.txn({ compare: [compare.missing("a")], failure: [put] }), op.range("b")] },
          call,
        ),
      () => kv.delete(name, call),
      () => kv.delete({ from: pick(2) === 0 ? "a" : "b", to: "c" }, call),
    ];
    await oneOf(writes, pick)?.().catch((error: unknown) => {
      if (outcomeOf(error) === "not-applied") refused.push(value);
      else expect(outcomeOf(error), `seed ${seed}`).toBe("unknown");
    });
  }

  function call(): void {
    const [kv, name] = [oneOf(clients, pick), oneOf(names, pick)];
    if (kv === undefined || name === undefined || calls.size > 6) return;
    const kind = pick(8);
    const done = kind < 4 ? read(kv, name) : kind < 5 ? readBoth(kv) : write(kv, name);
    calls.add(done);
    void done.then(
      () => calls.delete(done),
      () => undefined,
    );
  }

  // What is slow, and what goes wrong, is another thing each time.
  const [progress, trouble] = (["progress", "trouble"] as const).map((times) => {
    const weights = [0, 1, 2, 3].map(() => oneOf([1, 4, 16], pick) ?? 1);
    return (): Happening | undefined => {
      const choices = weights.flatMap((weight, kind) => {
        const happenings = networks.flatMap((network) => network[times][kind] ?? []);
        return happenings.length === 0 ? [] : Array<readonly Happening[]>(weight).fill(happenings);
      });
      return oneOf(oneOf(choices, pick) ?? [], pick);
    };
  });
  for (let step = 0; step < 250; step++) {
    const kind = pick(20);
    if (kind < 7) call();
    else if (kind < 17) progress?.()?.();
    else if (kind < 19) trouble?.()?.();
    else await clock.advance(oneOf([1, 50, 300, 2_500], pick) ?? 0);
    await turn();
  }
  // In good times, everything comes to an end.
  for (let rounds = 0; rounds < 500 && calls.size > 0; rounds++) {
    for (let next = progress?.(); next !== undefined; next = progress?.()) {
      next();
      await turn();
    }
    await clock.advance(1_000);
  }
  const hits = clients.reduce((sum, kv) => sum + kv.stats().hits, 0);
  const rest = [...calls];
  expect(await Promise.race([Promise.all(rest).then(() => "done"), turn("pending")]), `seed ${seed}`).toBe(
    "done",
  );
  await Promise.all(clients.map((kv) => kv.close()));
  const written = store.events.flatMap(({ kv }) =>
    kv && names.includes(utf8(kv.key)) ? [utf8(kv.value)] : [],
  );
  for (const value of once) {
    expect(
      written.filter((one) => one === value).length,
      `seed ${seed}: ${value} happened`,
    ).toBeLessThanOrEqual(1);
  }
  for (const value of refused) expect(written, `seed ${seed}: ${value} was refused`).not.toContain(value);
  expect(store.pairs.map(({ key }) => utf8(key)).filter((name) => name.startsWith("l/"))).toEqual([]);
  return { reads, hits };
}

it("in whatever order things happen, no read is stale, no write happens twice, and every call comes to an end", async () => {
  let [reads, hits] = [0, 0];
  for (let seed = 1; seed <= 600; seed++) {
    const one = await run(seed);
    reads += one.reads;
    hits += one.hits;
  }
  expect(reads).toBeGreaterThan(5_000);
  expect(hits).toBeGreaterThan(500);
}, 60_000);
