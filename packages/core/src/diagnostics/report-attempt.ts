import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import type { Call } from "../connection/call.js";
import { EtcdError } from "../errors/etcd-error.js";
import { fromTransport } from "../errors/from-transport.js";
import { diagnostics } from "./channels.js";

const { attempts } = diagnostics;

/** Tells that the attempt has ended, and what the transport rejected with where it failed. Counts once. */
export type EndAttempt = (failure?: unknown) => void;

/** An attempt of a call goes out to `call.at`. `undefined` while nobody listens, which is all that it costs then. */
export function reportAttempt(
  call: Call,
  method: DescMethod,
  context: ContextValues | undefined,
): EndAttempt | undefined {
  if (!attempts.hasSubscribers) return undefined;
  const { at: endpoint = "" } = call;
  const attempt = call.attempts + 1;
  const startedAt = call.now;
  let ended = false;
  return (failure) => {
    if (ended) return;
    ended = true;
    attempts.publish({
      service: method.parent.typeName,
      method: method.name,
      methodKind: method.methodKind,
      endpoint,
      attempt,
      durationMs: call.now - startedAt,
      error: failure === undefined ? undefined : told(call, failure, method.name, endpoint),
      context,
    });
  };
}

/** An abort is no failure of either side, whatever the transport makes of it; its reason is between the caller and the call. */
function told({ signal, writes }: Call, failure: unknown, method: string, endpoint: string): EtcdError {
  const error = fromTransport(failure, { method, endpoint, writes });
  if (signal?.aborted !== true) return error;
  const { outcome } = error;
  return new EtcdError("CANCELLED", `the call was aborted (${method} at ${endpoint})`, { endpoint, outcome });
}
