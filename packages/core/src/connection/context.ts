import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import type { CallOptions } from "../call-options.js";
import { triedEndpointsKey, triedEndpointsOf } from "./tried-endpoints.js";

/** Travels with a call that must be refused by a member without a leader. */
export const requireLeaderKey: ContextKey<boolean> = createContextKey(false, {
  description: "etcdkit: require leader",
});

/** Travels with a call that may be repeated although it writes. */
export const idempotentKey: ContextKey<boolean> = createContextKey(false, {
  description: "etcdkit: idempotent",
});

/** Travels with a stream that is opened again: the endpoint where it failed, which others come before. */
export const avoidEndpointKey: ContextKey<string | undefined> = createContextKey<string | undefined>(
  undefined,
  {
    description: "etcdkit: avoid endpoint",
  },
);

/**
 * Turns call options into what a Connect transport hands on. `undefined` when there is nothing to say, which is the
 * common case and costs nothing.
 *
 * @param avoid - The endpoint, as an `EtcdError` names it, that a stream goes to only where there is no other.
 */
export function callContext(call: CallOptions | undefined, avoid?: string): ContextValues | undefined {
  const tried = triedEndpointsOf(call);
  if (call?.requireLeader !== true && call?.idempotent !== true && (avoid ?? tried) === undefined) {
    return undefined;
  }
  const values = createContextValues();
  if (call?.requireLeader === true) values.set(requireLeaderKey, true);
  if (call?.idempotent === true) values.set(idempotentKey, true);
  if (avoid !== undefined) values.set(avoidEndpointKey, avoid);
  if (tried !== undefined) values.set(triedEndpointsKey, tried);
  return values;
}
