import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Driver } from "../clients/driver.js";
import { leasingGet, leasingGetWorkloads } from "./leasing-get.js";
import { lock, lockContended, lockContendedWorkloads, lockWorkloads } from "./lock.js";
import { pairAt, stm, stmWorkloads } from "./stm.js";
import { keyAt, type Workload } from "./workload.js";

/** What the server has counted so far. */
const counts = { requests: 0, events: 0, deletions: 0 };
let tells = true;
const server = createServer((_, response) => {
  const metrics = [
    "# HELP etcd_mvcc_delete_total Deletes.",
    `etcd_mvcc_delete_total ${counts.deletions}`,
    `etcd_debugging_mvcc_events_total ${counts.events}`,
    `grpc_server_msg_received_total{grpc_method="Txn",grpc_type="unary"} ${counts.requests}`,
    'grpc_server_msg_received_total{grpc_method="Watch",grpc_type="bidi_stream"} 1e+03',
  ];
  response.end(tells ? `${metrics.join("\n")}\n` : "no metrics");
});
let endpoint: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  tells = true;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const refuse = (): Promise<number> => Promise.reject(new Error("not asked for"));
const bare: Driver = {
  ...{ get: refuse, put: refuse, txn: refuse, range: refuse },
  close: () => Promise.resolve(),
};

function first(workloads: readonly Workload[]): Workload {
  const [workload] = workloads;
  if (workload === undefined) throw new Error("there is no workload");
  return workload;
}

/** A client whose locks are free at once, and that writes down what it is asked for. */
function locker(keysOfRelease = 1): { readonly driver: Driver; readonly log: string[]; most: number } {
  let held = 0;
  const made = { log: [] as string[], most: 0 };
  const driver: Driver = {
    ...bare,
    locks: {
      async open(names, sessions) {
        made.log.push(`open ${names.length} of ${new Set(names).size} by ${sessions}`);
        return {
          async lock(contender) {
            made.most = Math.max(made.most, ++held);
            made.log.push(`lock ${contender}`);
            counts.requests++;
            return async () => {
              held--;
              counts.requests++;
              counts.deletions += keysOfRelease;
              counts.events++;
            };
          },
          close: async () => void made.log.push("close"),
        };
      },
    },
  };
  return Object.assign(made, { driver });
}

describe("lock", () => {
  it("takes a lock and releases it, and tells what the server had to do", async () => {
    const { driver, log } = locker();
    const { operation, finish } = await lock.begin(driver, first(lockWorkloads), endpoint);
    for (const _ of [1, 2]) expect(await operation(0)).toBeGreaterThanOrEqual(1);
    expect(await finish?.()).toEqual({ requestsPerOperation: 2, eventsPerOperation: 1 });
    expect(log).toEqual(["open 1 of 1 by 1", "lock 0", "lock 0", "close"]);
  });

  it("has a contender for each that is in flight, and a session for each where they contend", async () => {
    const made = locker();
    const workload = first(lockContendedWorkloads);
    const { operation } = await lockContended.begin(made.driver, workload, endpoint);
    await Promise.all(Array.from({ length: 100 }, (_, index) => operation(index)));
    expect(made.log[0]).toBe("open 100 of 1 by 100");
    expect(new Set(made.log.slice(1)).size).toBe(100);
    expect(made.most).toBe(100);
  });

  it("gives contenders names of their own where they do not contend", async () => {
    const { driver, log } = locker();
    const workload = lockWorkloads.find(({ name }) => name === "lock-64");
    await lock.begin(driver, workload ?? first([]), endpoint);
    expect(log).toEqual(["open 64 of 64 by 1"]);
  });

  it("fails when a release did not delete a key", async () => {
    const { driver } = locker(0);
    const { operation, finish } = await lock.begin(driver, first(lockWorkloads), endpoint);
    await operation(0);
    await expect(finish?.()).rejects.toThrow("lock-1: 0 keys were deleted by 1 releases");
  });

  it("fails when the server does not tell, and for a client without locks", async () => {
    await expect(lock.begin(bare, first(lockWorkloads), endpoint)).rejects.toThrow("are not measured");
    tells = false;
    await expect(lock.begin(locker().driver, first(lockWorkloads), endpoint)).rejects.toThrow(
      "does not count what it does (status 200)",
    );
  });
});

describe("stm", () => {
  /** A client with accounts in this process, which loses so much at each transfer. */
  function bank(lost = 0): Driver {
    const accounts = new Map<string, number>();
    const add = (key: string, amount: number): void =>
      void accounts.set(key, (accounts.get(key) ?? 0) + amount);
    return {
      ...bare,
      stm: {
        async transfer(from, to) {
          add(from, -1);
          add(to, 1 - lost);
          counts.requests += 3;
          return 2;
        },
        total: async () => [...accounts.values()].reduce((sum, balance) => sum + balance, 0),
      },
    };
  }

  it("transfers, and tells how many requests that took", async () => {
    const { operation, finish } = await stm.begin(bank(), first(stmWorkloads), endpoint);
    for (let index = 0; index < 50; index++) expect(await operation(index)).toBe(2);
    expect(await finish?.()).toEqual({ requestsPerOperation: 3 });
  });

  it("fails when the accounts do not hold what they held before", async () => {
    const { operation, finish } = await stm.begin(bank(1), first(stmWorkloads), endpoint);
    await operation(0);
    await operation(1);
    await expect(finish?.()).rejects.toThrow("stm-16: the accounts hold -2 instead of 0");
    await expect(stm.begin(bare, first(stmWorkloads), endpoint)).rejects.toThrow("is not measured");
  });

  it("chooses two accounts, as the Go program does", () => {
    expect([0, 1, 2, 1_000_000].map((index) => pairAt(index, 1_000))).toEqual([
      [0, 1],
      [727, 169],
      [78, 248],
      [785, 610],
    ]);
    const seen = new Set<number>();
    for (let index = 0; index < 1_000; index++) {
      const [from, to] = pairAt(index, 8);
      expect(from).not.toBe(to);
      seen.add(from * 8 + to);
    }
    expect(seen.size).toBe(8 * 7);
  });
});

describe("leasing-get", () => {
  const workload = { ...first(leasingGetWorkloads), keys: 3, keysPerOperation: 3 };

  /** A client that answers from memory what it has read before. */
  function reader(): { readonly driver: Driver; readonly log: string[] } {
    const log: string[] = [];
    const known = new Set<string>();
    let hits = 0;
    return {
      log,
      driver: {
        ...bare,
        leasing: {
          open: async (prefix) => ({
            async get(key) {
              log.push(key);
              if (known.has(key)) hits++;
              else counts.requests++;
              known.add(key);
              return prefix === "bench/leasing/" ? 256 : 0;
            },
            hits: () => hits,
            close: async () => void log.push("close"),
          }),
        },
      },
    };
  }

  it("reads all keys before, and then from memory", async () => {
    const { driver, log } = reader();
    const { operation, finish } = await leasingGet.begin(driver, workload, endpoint);
    expect(await operation(0)).toBe(leasingGet.least(workload));
    expect(await finish?.()).toEqual({ requestsPerOperation: 0 });
    expect(log).toEqual([...[0, 1, 2, 0, 1, 2].map(keyAt), "close"]);
  });

  it("fails when a read was answered by the server, or with another value", async () => {
    const { driver } = reader();
    const { leasing } = driver;
    let asked = 0;
    const forgetful: Driver = {
      ...driver,
      leasing: {
        async open(prefix) {
          const reads = await (leasing?.open(prefix) ?? Promise.reject(new Error("none")));
          return { ...reads, hits: () => (reads.hits?.() ?? 0) - asked++ };
        },
      },
    };
    const { operation, finish } = await leasingGet.begin(forgetful, workload, endpoint);
    await operation(0);
    await expect(finish?.()).rejects.toThrow("leasing-get: 2 of 3 reads were hits");
    const larger = { ...workload, valueBytes: 257 };
    await expect(leasingGet.begin(driver, larger, endpoint)).rejects.toThrow(`got 256 bytes of ${keyAt(0)}`);
    await expect(leasingGet.begin(bare, workload, endpoint)).rejects.toThrow("is not measured");
  });
});
