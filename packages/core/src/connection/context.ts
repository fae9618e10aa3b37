import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import type { CallOptions } from "../call-options.js";

/** Travels with a call that must be refused by a member without a leader. */
export const requireLeaderKey: ContextKey<boolean> = createContextKey(false, {
  description: "etcdkit: require leader",
});

/** Travels with a call that may be repeated although it writes. */
export const idempotentKey: ContextKey<boolean> = createContextKey(false, {
  description: "etcdkit: idempotent",
});

/**
 * Turns call options into what a Connect transport hands on. `undefined` when there is nothing to say, which is the
 * common case and costs nothing.
 */
export function callContext(call: CallOptions | undefined): ContextValues | undefined {
  if (call === undefined || (call.requireLeader !== true && call.idempotent !== true)) return undefined;
  const values = createContextValues();
  if (call.requireLeader === true) values.set(requireLeaderKey, true);
  if (call.idempotent === true) values.set(idempotentKey, true);
  return values;
}
