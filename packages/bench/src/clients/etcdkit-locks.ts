import { createMutex, openSession, type SessionServices } from "etcdkit";
import { inParallel } from "../in-parallel.js";
import { around } from "../workloads/workload.js";
import { type LockDriver, sessionTtlSeconds } from "./coordination-drivers.js";
import { leaseCallsAtOnce } from "./driver.js";

export function etcdkitLocks(services: SessionServices): LockDriver {
  return {
    async open(names, count) {
      const ttlSeconds = sessionTtlSeconds;
      const sessions = await inParallel(count, leaseCallsAtOnce, () => openSession(services, { ttlSeconds }));
      const mutexes = names.map((name, contender) => createMutex(around(sessions, contender), name));
      return {
        async lock(contender) {
          const lock = await around(mutexes, contender).lock();
          return () => lock.unlock();
        },
        async close() {
          await inParallel(count, leaseCallsAtOnce, (index) => around(sessions, index).close());
        },
      };
    },
  };
}
