import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { CallOptions } from "../call-options.js";

/** Travels with a call that is one of several in search of an answer. */
export const triedEndpointsKey: ContextKey<Set<string> | undefined> = createContextKey<
  Set<string> | undefined
>(undefined, { description: "etcdkit: tried endpoints" });

// A symbol: no option that users see or could misspell, and yet handed on by every decorator that hands on its call's
// options. The same one in every installed copy of this package.
const triedEndpoints: unique symbol = Symbol.for("etcdkit.triedEndpoints");

interface SearchingCall extends CallOptions {
  readonly [triedEndpoints]?: Set<string> | undefined;
}

/**
 * The same call at another member, for decorators that were answered and want another answer: it goes to an endpoint that
 * is not in `tried` where one is connected, and is added. When all were tried the set begins anew with the one that takes
 * it: so a set that has not grown says that all were asked. What carries out calls without a connection leaves it empty.
 *
 * @param tried - The endpoints, in their canonical spelling, that calls of the search have gone to.
 */
export function elsewhere(call: CallOptions | undefined, tried: Set<string>): CallOptions {
  const searching: SearchingCall = { ...call, [triedEndpoints]: tried };
  return searching;
}

/** What {@link elsewhere} gave to a call. */
export function triedEndpointsOf(call: CallOptions | undefined): Set<string> | undefined {
  return (call as SearchingCall | undefined)?.[triedEndpoints];
}
