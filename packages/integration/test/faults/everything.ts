import type { CallOptions, Connection, KeepAlive } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import type { EtcdCluster } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { uniqueKey } from "../support/unique-key.js";
import { compareWithJournal, type Differences, readJournal } from "../watch/journal.js";
import { Observer } from "../watch/observer.js";
import { type LoadReport, startLoad } from "./load.js";

/** What programs that do everything saw while something broke. */
export interface EverythingReport extends LoadReport {
  /** How what the watches delivered differs from what was written. */
  readonly watches: readonly Differences[];
  /** Why leases were lost. */
  readonly leaseLosses: readonly unknown[];
}

/** Programs that read, write, watch what is written, and keep leases alive. */
export interface Everything {
  readonly keepAlives: readonly KeepAlive[];
  /** Resolves when so many more reads and writes have come back. */
  more(count: number): Promise<void>;
  /** Lets everybody finish, and compares what they were told with what a look at the servers shows. */
  finish(): Promise<EverythingReport>;
}

const streams = 3;

/**
 * Starts readers, writers, watches of all that these write, on several streams, and leases that are kept alive.
 *
 * @param call - Of every read and write.
 */
export async function startEverything(
  cluster: EtcdCluster,
  connection: Connection,
  options: { readonly ttlSeconds: number; readonly call?: CallOptions | undefined },
): Promise<Everything> {
  const [kv, watcher, leases] = [createKv(connection), createWatcher(connection), createLeases(connection)];
  const prefix = uniqueKey("everything");
  const watches = Array.from({ length: streams }, (_, i) =>
    watcher.watch({ prefix }, { headers: { stream: `${i}` } }),
  );
  const starts = await Promise.all(watches.map((watch) => watch.created));
  const observers = watches.map((watch) => new Observer(watch));
  const keepAlives = await Promise.all(
    Array.from({ length: streams }, async () =>
      leases.keepAlive((await leases.grant(options.ttlSeconds)).id),
    ),
  );
  const load = startLoad(kv, prefix, options.call);
  return {
    keepAlives,
    more: load.more,
    async finish() {
      const report = await load.finish();
      const last = (await kv.put(`${prefix}last`, "")).header.revision;
      for (const observer of observers) await observer.reached(last, 20_000);
      const journal = await readJournal(cluster, { prefix }, last);
      const leaseLosses = keepAlives.flatMap(({ signal }) => (signal.aborted ? [signal.reason] : []));
      await watcher.close();
      await leases[Symbol.asyncDispose]();
      return {
        ...report,
        watches: observers.map(({ batches }, i) =>
          compareWithJournal(journal, batches, starts[i]?.revision ?? 0n),
        ),
        leaseLosses,
      };
    },
  };
}

/** One line for people. */
export function told(title: string, report: EverythingReport): string {
  const { reads, readFailures, longestGapMs, writes, watches, leaseLosses } = report;
  const total = (of: keyof Differences): number => watches.reduce((sum, one) => sum + one[of], 0);
  return (
    `${title}: ${reads} reads, ${readFailures.length} failed, longest gap ${Math.round(longestGapMs)} ms; writes: ` +
    `${writes.told("resolved")} resolved, ${writes.told("unknown")} unknown, ${writes.told("not-applied")} not applied, ` +
    `applied more than once: ${writes.appliedMoreOften}, mislabelled: ${writes.faults.length}; events lost: ` +
    `${total("lost")}, duplicated: ${total("duplicated")}, reordered: ${total("reordered")}, revisions split: ` +
    `${total("split")}; leases lost: ${leaseLosses.length}`
  );
}
