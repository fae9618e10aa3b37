import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import type { Call } from "../connection/call.js";
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
  const { at: endpoint = "", writes } = call;
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
      error:
        failure === undefined ? undefined : fromTransport(failure, { method: method.name, endpoint, writes }),
      context,
    });
  };
}
