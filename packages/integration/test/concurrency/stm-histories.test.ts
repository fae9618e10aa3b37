import type { Isolation } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import type { SharedCluster } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";
import { readJournal } from "../watch/journal.js";
import { History } from "./stm/history.js";
import { judgeLists } from "./stm/lists.js";
import { misfits, StoreStates, unexplained } from "./stm/store-states.js";
import { asLists, Bank, elementsOf, Lists, type Load } from "./stm/workloads.js";

const levels: readonly Isolation[] = ["serializable-snapshot", "serializable", "repeatable-reads"];

/** A short form always; `ETCDKIT_LONG=600` for so many minutes, which the histories share. */
const minutes = minutesOf(process.env["ETCDKIT_LONG"]);
const histories = levels.length * 2;
const historyMs = minutes && (minutes * 60_000) / histories;
// A history that is ten times as long takes ten times as long to judge, and a machine may be busy.
const timeoutMs = 120_000 + 3 * (historyMs ?? 0);

function minutesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value > 0 && value <= 1_440) return value;
  throw new RangeError(`ETCDKIT_LONG: expected minutes, more than 0 and up to 1440, got "${text}"`);
}

/** When a history is long enough. */
function enough(): Load["isEnough"] {
  const until = performance.now() + (historyMs ?? 0);
  return (begun) => (historyMs === undefined ? begun >= 400 : performance.now() >= until);
}

/** Runs a load over links that are cut again and again, one or the other, while transactions are under way. */
async function overBreakingLinks(
  shared: SharedCluster,
  load: Omit<Load, "kvs" | "isEnough">,
  run: (load: Load) => Promise<void>,
): Promise<number> {
  await using bridges = await together(...shared.endpoints.map((endpoint) => openBridge(endpoint)));
  const endpoints = bridges.all.map(({ endpoint }) => endpoint);
  await using connections = await together(...endpoints.map(async () => shared.connect({ endpoints })));
  for (const connection of connections.all) await connection.ready();
  let cuts = 0;
  const onBegin = (n: number): void => {
    if (n % 25 === 0) bridges.all[cuts++ % bridges.all.length]?.cut();
  };
  const kvs = connections.all.map((connection) => createKv(connection));
  await run({ ...load, onBegin, kvs, isEnough: enough() });
  return cuts;
}

/** What the store says, from the first revision on, when nothing is under way any more. */
async function statesOf(shared: SharedCluster, prefix: string): Promise<StoreStates> {
  await using connection = shared.connect();
  const { header } = await createKv(connection).put(`${prefix}end`, "");
  const journal = await readJournal(shared.cluster, { prefix }, header.revision);
  return new StoreStates(journal.filter(({ kv }) => kv?.modRevision !== header.revision));
}

async function finalLists(
  shared: SharedCluster,
  prefix: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  await using connection = shared.connect();
  const { kvs } = await createKv(connection).range({ prefix });
  return new Map(kvs.map(({ key, value }) => [utf8(key), elementsOf(utf8(value))]));
}

// The judging is the same for every version, and what the transactions rely on is tried on each of them elsewhere.
describeNewestEtcd("transactions of many at the same time", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  describe.each(levels)("that are %s, over links that are cut", (isolation) => {
    it(
      "neither make nor lose money",
      async () => {
        const prefix = uniqueKey("bank");
        const bank = new Bank(prefix, 6);
        await using connection = shared.connect();
        const opened = await bank.open(createKv(connection));
        const history = new History();
        const cuts = await overBreakingLinks(shared, { isolation, workers: 12 }, (load) =>
          bank.run(load, history),
        );

        const states = await statesOf(shared, prefix);
        const sums = states.revisions.map((revision) =>
          bank.accounts.reduce((sum, account) => sum + Number(states.at(account, revision).value), 0),
        );
        const drift = sums.reduce((worst, sum) => Math.max(worst, Math.abs(sum - bank.sum)), 0);
        const { conflicts } = history;
        console.log(
          `stm bank (${isolation}, etcd ${etcd.version}): ${history.count("committed")} txns, ${conflicts} conflicts, ` +
            `${cuts} cuts, ${history.count("unknown")} of unknown outcome, bank sum drift ${drift}`,
        );
        expect(drift).toBe(0);
        expect(misfits(history.executions, states)).toEqual([]);
        expect(unexplained(history.executions, states, new Set([opened]))).toEqual([]);
        // Where reads are of one revision, not even an attempt that comes to nothing sees half a transfer.
        if (isolation !== "repeatable-reads") expect(bank.wrongAudits).toBe(0);
        // Without these it would prove little.
        const begun = history.executions.length;
        expect(conflicts).toBeGreaterThan(begun / 20);
        expect(history.count("committed")).toBeGreaterThan(begun / 2);
        expect(cuts).toBeGreaterThan(3);
      },
      timeoutMs,
    );

    it(
      "can be put in one order that fits what they read, what they wrote, and the time",
      async () => {
        const prefix = uniqueKey("lists");
        const lists = new Lists(prefix);
        const history = new History();
        const cuts = await overBreakingLinks(shared, { isolation, workers: 12 }, (load) =>
          lists.run(load, history),
        );

        const findings = judgeLists(asLists(history), await finalLists(shared, prefix));
        const count = (of: (name: string) => boolean): number =>
          [...findings].reduce((sum, [name, found]) => sum + (of(name) ? found : 0), 0);
        const isCycle = (name: string): boolean => /^G(0|1c|-single|2)/.test(name);
        const { conflicts } = history;
        console.log(
          `stm lists (${isolation}, etcd ${etcd.version}): ${history.count("committed")} txns, ${conflicts} conflicts, ` +
            `${cuts} cuts, ${history.count("unknown")} of unknown outcome, cycles ${count(isCycle)}, ` +
            `other anomalies ${count((name) => !isCycle(name))}`,
        );
        expect(Object.fromEntries(findings)).toEqual({});
        const states = await statesOf(shared, prefix);
        expect(misfits(history.executions, states)).toEqual([]);
        expect(unexplained(history.executions, states, new Set())).toEqual([]);
        const begun = history.executions.length;
        expect(conflicts).toBeGreaterThan(begun / 20);
        expect(history.count("committed")).toBeGreaterThan(begun / 2);
        expect(cuts).toBeGreaterThan(3);
      },
      timeoutMs,
    );
  });

  // The control: the same judges on the same loads, where nothing is guarded.
  describe("that are read-committed", () => {
    const isEnough = (begun: number): boolean => begun >= 300;
    const load = { isolation: "read-committed", workers: 12, isEnough } as const;

    it("make or lose money, and the judge sees it", async () => {
      const prefix = uniqueKey("bank");
      const bank = new Bank(prefix, 6);
      await using connection = shared.connect();
      const kv = createKv(connection);
      await bank.open(kv);
      const history = new History();
      await bank.run({ ...load, kvs: [kv] }, history);
      const states = await statesOf(shared, prefix);
      const end = states.revisions.at(-1) ?? 0n;
      const sum = bank.accounts.reduce((total, account) => total + Number(states.at(account, end).value), 0);
      console.log(`stm bank (read-committed, the control): bank sum drift ${Math.abs(sum - bank.sum)}`);
      expect(misfits(history.executions, states)).not.toEqual([]);
      expect(
        states.revisions.some(
          (revision) =>
            bank.accounts.reduce(
              (total, account) => total + Number(states.at(account, revision).value),
              0,
            ) !== bank.sum,
        ),
      ).toBe(true);
    });

    it("cannot be put in order, and the judge sees it", async () => {
      const prefix = uniqueKey("lists");
      await using connection = shared.connect();
      const history = new History();
      await new Lists(prefix).run({ ...load, kvs: [createKv(connection)] }, history);
      const findings = judgeLists(asLists(history), await finalLists(shared, prefix));
      console.log(`stm lists (read-committed, the control): ${JSON.stringify(Object.fromEntries(findings))}`);
      expect(findings.get("lost append")).toBeGreaterThan(0);
    });
  });
});
