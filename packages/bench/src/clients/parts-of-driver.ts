import type { LeasingDriver, LockDriver, StmDriver } from "./coordination-drivers.js";
import type { Driver, LeaseDriver, WatchDriver } from "./driver.js";

/** @throws Error for a client of which watches are not measured. */
export function watchesOf({ watches }: Driver): WatchDriver {
  if (watches === undefined) throw new Error("watches of this client are not measured");
  return watches;
}

/** @throws Error for a client of which leases are not measured. */
export function leasesOf({ leases }: Driver): LeaseDriver {
  if (leases === undefined) throw new Error("leases of this client are not measured");
  return leases;
}

/** @throws Error for a client of which locks are not measured. */
export function locksOf({ locks }: Driver): LockDriver {
  if (locks === undefined) throw new Error("locks of this client are not measured");
  return locks;
}

/** @throws Error for a client of which transactions by STM are not measured. */
export function stmOf({ stm }: Driver): StmDriver {
  if (stm === undefined) throw new Error("STM of this client is not measured");
  return stm;
}

/** @throws Error for a client of which reads from memory are not measured. */
export function leasingOf({ leasing }: Driver): LeasingDriver {
  if (leasing === undefined) throw new Error("leasing of this client is not measured");
  return leasing;
}
