import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import type { ConnectionState } from "@etcdkit/transport";
import type { EtcdError } from "../errors/etcd-error.js";
import { type DiagnosticChannel, diagnosticChannel } from "./channel.js";

/** One attempt of a call at one endpoint has ended. A call that was repeated has several. */
export interface CallAttempt {
  /** Full name of the service, for example `etcdserverpb.KV`. */
  readonly service: string;
  /** Name of the method, for example `Range`. */
  readonly method: string;
  /** Which side sends more than one message. */
  readonly methodKind: DescMethod["methodKind"];
  /** The endpoint, in its canonical spelling. */
  readonly endpoint: string;
  /** Counts the attempts of the call, from 1. */
  readonly attempt: number;
  /** From sending to the end of the answer; of a stream to its end. In milliseconds. */
  readonly durationMs: number;
  /** Why it failed; `CANCELLED` when the caller aborted. `undefined` when it was answered, and when a stream was left. */
  readonly error: EtcdError | undefined;
  /** The context values that the call was made with: the same object in every attempt of a call. */
  readonly context: ContextValues | undefined;
}

/** The state of one link to an endpoint, after it has changed. */
export interface LinkState {
  /** Which link: the same object in every message about it. A connection may have several to one endpoint. */
  readonly link: object;
  /** The endpoint, in its canonical spelling. */
  readonly endpoint: string;
  /** `closed` is the last that is heard of a link. */
  readonly state: ConnectionState;
  /** Why the link was lost or could not be made. */
  readonly error: EtcdError | undefined;
}

/** What a watcher has open, after that has changed. */
export interface WatchState {
  /** Which watcher: the same object in every message about it. */
  readonly watcher: object;
  /** Watches that have not ended. */
  readonly watches: number;
  /** Streams that carry them. */
  readonly streams: number;
  /** Watches that are off their stream because their reader is slow. */
  readonly parked: number;
}

/** What a lease client keeps alive, after that has changed. */
export interface LeaseState {
  /** Which lease client: the same object in every message about it. */
  readonly leases: object;
  /** Leases that are being kept alive. */
  readonly keptAlive: number;
  /** Streams that carry the renewals. */
  readonly streams: number;
}

/**
 * What happens inside, for metrics and debugging, on channels of Node's `diagnostics_channel`. Nothing is measured or
 * published while nobody listens.
 *
 * Messages about a state tell all of it and not what has changed, so a listener that comes late is right from the next
 * message on; a watcher or lease client whose numbers are all 0 may never be heard of again.
 */
export interface Diagnostics {
  /** `etcdkit:call:attempt`: an attempt of a call has ended, log-ins included. */
  readonly attempts: DiagnosticChannel<CallAttempt>;
  /** `etcdkit:connection:link`: a link has changed its state. */
  readonly links: DiagnosticChannel<LinkState>;
  /** `etcdkit:watch`: a watcher has opened, closed or parked something. */
  readonly watches: DiagnosticChannel<WatchState>;
  /** `etcdkit:lease`: a lease client has begun or ended keeping a lease alive. */
  readonly leases: DiagnosticChannel<LeaseState>;
}

/** {@inheritDoc Diagnostics} */
export const diagnostics: Diagnostics = {
  attempts: diagnosticChannel("etcdkit:call:attempt"),
  links: diagnosticChannel("etcdkit:connection:link"),
  watches: diagnosticChannel("etcdkit:watch"),
  leases: diagnosticChannel("etcdkit:lease"),
};
