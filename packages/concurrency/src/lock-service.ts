import type { BytesLike, CallOptions, Connection, ResponseHeader } from "@etcdkit/core";
import { lock as protocol } from "@etcdkit/core/protocol";
import {
  callChecks,
  callOf,
  callUnary,
  checkId,
  checkOptions,
  headerOf,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";
import { checkConnection } from "./check-connection.js";
import { nameBytes } from "./queue-name.js";

/** Options of {@link LockService.lock} and `ElectionService.campaign`. */
export interface ServiceWaitOptions extends Omit<CallOptions, "idempotent"> {
  /**
   * The lease that the key is tied to. Left out: the server grants one of 60 seconds that nobody renews.
   */
  readonly leaseId?: bigint | undefined;
}

/** A lock that the server took. It is held for as long as the key exists, which nobody here tells. */
export interface ServiceLock {
  readonly header: ResponseHeader;
  readonly key: Uint8Array;
}

/**
 * The server's own lock service: one call waits at the server until the lock is there.
 *
 * For programs that need exactly that; others are better off with `createMutex`, which shares locks with it. The caller
 * keeps the lease alive, and nothing tells it that the lock was lost; a member that goes away while a call waits takes the
 * wait along. Names are those of the whole store, whatever namespace other services speak of. Since etcd 3.2.
 */
export interface LockService {
  /**
   * Waits for a lock. The same lease gets it again at once.
   *
   * @param options - `timeoutMs` is `Infinity` by default.
   * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND`; `SESSION_EXPIRED` when the lease ended meanwhile;
   * `PERMISSION_DENIED`; `options.signal.reason`.
   */
  lock(name: BytesLike, options?: ServiceWaitOptions): Promise<ServiceLock>;
  /** Deletes the key of a lock; of one that is not held, does nothing. */
  unlock(key: BytesLike, call?: CallOptions): Promise<{ readonly header: ResponseHeader }>;
}

const lockTable = optionTable("lock", { ...callChecks, leaseId: checkId });
const unlockTable = optionTable("unlock", callChecks);

/** The server's lock service over a connection. */
export function createLockService(connection: Pick<Connection, "transport">): LockService {
  checkConnection(connection);
  const { transport } = connection;
  const { lock, unlock } = protocol.Lock.method;
  return {
    async lock(name, options) {
      checkOptions(lockTable, options);
      const request = { name: nameBytes(name), lease: options?.leaseId ?? 0n };
      const timeoutMs = options?.timeoutMs ?? Number.POSITIVE_INFINITY;
      const answer = await callUnary(transport, lock, request, callOf(options), timeoutMs);
      return { header: headerOf(answer), key: answer.key };
    },

    async unlock(key, call) {
      checkOptions(unlockTable, call);
      const answer = await callUnary(transport, unlock, { key: toBytes(key, "key") }, call);
      return { header: headerOf(answer) };
    },
  };
}
