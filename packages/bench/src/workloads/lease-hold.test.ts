import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Driver } from "../clients/driver.js";
import { leaseHold, leaseHoldWorkloads } from "./lease-hold.js";

/** What the server says. Every question makes the renewals one more. */
const says = { renewals: 0, counts: true, leases: 0, status: 200 };
const server = createServer((request, response) => {
  response.statusCode = says.status;
  if (request.url === "/metrics") {
    says.renewals++;
    const count = says.counts ? `etcd_debugging_lease_renewed_total ${says.renewals}\n` : "";
    response.end(`# HELP\n${count}other 1\n`);
  } else if (request.url === "/v3/lease/leases" && request.method === "POST") {
    const leases = Array.from({ length: says.leases }, (_, at) => ({ ID: String(at + 1) }));
    response.end(JSON.stringify(says.leases === 0 ? {} : { leases }));
  } else {
    response.writeHead(404).end();
  }
});
let endpoint: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const refuse = (): Promise<number> => Promise.reject(new Error("not asked for"));
const kept: (readonly [number, number])[] = [];
const driver: Driver = {
  get: refuse,
  put: refuse,
  txn: refuse,
  range: refuse,
  leases: {
    async keep(count, ttlSeconds) {
      kept.push([count, ttlSeconds]);
      return () => Promise.resolve();
    },
  },
  close: () => Promise.resolve(),
};
const [workload] = leaseHoldWorkloads;
if (workload === undefined) throw new Error("there is no workload");

describe("lease-hold", () => {
  it("is ready when each lease was renewed, and holds as long as it takes one to expire", async () => {
    const before = says.renewals;
    const holding = await leaseHold.hold(driver, workload, endpoint, 3);
    expect(kept).toEqual([[3, 9]]);
    expect(says.renewals).toBe(before + 4);
    expect(await holding.count()).toBe(before + 5);
    expect(leaseHold.leastMs(workload)).toBe(9_000);
    await holding.release();
  });

  it("fails unless all leases are alive by the list of the server", async () => {
    const holding = await leaseHold.hold(driver, workload, endpoint, 3);
    says.leases = 3;
    await holding.verify();
    says.leases = 2;
    await expect(holding.verify()).rejects.toThrow("leases-1000: 2 of 3 leases are alive");
    says.leases = 0;
    await expect(holding.verify()).rejects.toThrow("0 of 3");
  });

  it("fails when the server does not tell", async () => {
    const holding = await leaseHold.hold(driver, workload, endpoint, 1);
    says.status = 503;
    await expect(holding.verify()).rejects.toThrow("does not list its leases (status 503)");
    says.status = 200;
    says.counts = false;
    await expect(holding.count()).rejects.toThrow("does not count renewals (status 200)");
    says.counts = true;
  });

  it("is not for a client without leases", async () => {
    const without = { ...driver, leases: undefined };
    await expect(leaseHold.hold(without, workload, endpoint, 1)).rejects.toThrow("are not measured");
  });
});
