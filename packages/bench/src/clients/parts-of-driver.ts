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
