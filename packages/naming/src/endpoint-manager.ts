import { type BranchOp, type CallOptions, kvFrom, op } from "@etcdkit/core";
import {
  callChecks,
  callOf,
  checkFlag,
  checkFunction,
  checkId,
  checkOptions,
  optionTable,
} from "@etcdkit/core/spi";
import type { Endpoint, Endpoints, EndpointUpdate } from "./endpoint.js";
import { checkNamingServices, endpointChanges, type NamingServices, readPairs } from "./endpoint-changes.js";
import { encodeEndpoint } from "./endpoint-json.js";
import { checkKey, checkTarget, prefixOf } from "./endpoint-keys.js";
import { type EndpointWatch, endpointWatch } from "./endpoint-watch.js";
import { guarded, type OnSkipped, warnOnce } from "./skipped.js";

/** Options of {@link createEndpointManager}. */
export interface EndpointManagerOptions {
  /**
   * Is told of each entry below the target that cannot be read as an endpoint and is left out. Default: one warning of the
   * process (`EtcdNamingWarning`).
   */
  readonly onSkipped?: OnSkipped | undefined;
}

/** Options of {@link EndpointManager.add}. */
export interface AddEndpointOptions extends CallOptions {
  /**
   * Ties the endpoint to this lease: it is gone when the lease ends. Left out: it stays until somebody deletes it.
   * Error: `LEASE_NOT_FOUND`.
   */
  readonly leaseId?: bigint | undefined;
}

/** What {@link EndpointManager.update} is to do: an update, and for one that adds its lease. */
export type EndpointWrite = EndpointUpdate & { readonly leaseId?: bigint | undefined };

/** Options of {@link EndpointManager.list}. */
export interface ListEndpointsOptions extends CallOptions {
  /**
   * Lets the member that is asked answer from its own data, which may be a little old, without asking the others; works
   * without a majority. Default `true`, as in Go.
   */
  readonly serializable?: boolean | undefined;
}

/** Options of {@link EndpointManager.watch}. */
export interface WatchEndpointsOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The endpoints of one service in etcd, in Go's form (`client/v3/naming/endpoints`): programs of both languages share one
 * directory. Methods do not depend on `this`.
 */
export interface EndpointManager {
  /** The name of the service. */
  readonly target: string;

  /**
   * Adds an endpoint, or replaces the one of that key.
   *
   * @param key - `target/` and anything that nobody else uses, such as the address.
   * @throws (rejects) `TypeError` for a key of another service or an endpoint without address, or with a URL for one; `EtcdError`
   * `LEASE_NOT_FOUND`, `PERMISSION_DENIED`, and with its `outcome` whatever else fails a write.
   */
  add(key: string, endpoint: Endpoint, options?: AddEndpointOptions): Promise<void>;

  /** Deletes an endpoint; one that does not exist is no fault. */
  delete(key: string, options?: CallOptions): Promise<void>;

  /**
   * Adds and deletes endpoints, all in one transaction: whoever watches gets one batch.
   *
   * @throws (rejects) As {@link EndpointManager.add}; `EtcdError` `DUPLICATE_KEY`, `TOO_MANY_OPS` above the server's limit,
   * 128 unless configured.
   */
  update(updates: readonly EndpointWrite[], options?: CallOptions): Promise<void>;

  /** The endpoints of the service, by their keys. */
  list(options?: ListEndpointsOptions): Promise<Endpoints>;

  /**
   * Watches the endpoints: first what there is, then every change.
   *
   * Entries that cannot be read are left out; one that replaces an endpoint leaves that in place. For a view that goes on
   * after errors, see `openDirectory`.
   */
  watch(options?: WatchEndpointsOptions): EndpointWatch;
}

const tables = {
  create: optionTable("createEndpointManager", { onSkipped: checkFunction }),
  add: optionTable("add", { ...callChecks, leaseId: checkId }),
  delete: optionTable("delete", callChecks),
  update: optionTable("update", callChecks),
  list: optionTable("list", { ...callChecks, serializable: checkFlag }),
  watch: optionTable("watch", { signal: callChecks.signal }),
};

/**
 * Manages the endpoints of a service.
 *
 * @param services - `kv` and `watcher` of one cluster and one namespace: what `createEtcd` returned, or decorators.
 * @param target - The name of the service; its keys begin with it and a slash.
 * @throws `TypeError` for a missing service, an empty target, services of different namespaces, bad options.
 */
export function createEndpointManager(
  services: NamingServices,
  target: string,
  options: EndpointManagerOptions = {},
): EndpointManager {
  checkNamingServices(services);
  checkTarget(target);
  checkOptions(tables.create, options);
  const kv = kvFrom(services.kv);
  const onSkipped = guarded(options.onSkipped ?? warnOnce());

  return {
    target,
    async add(key, endpoint, addOptions) {
      checkOptions(tables.add, addOptions);
      checkKey(key, target);
      const value = encodeEndpoint(endpoint, "endpoint");
      const leaseId = addOptions?.leaseId;
      await kv.txn({ success: [op.put(key, value, { leaseId })] }, callOf(addOptions));
    },
    async delete(key, call) {
      checkOptions(tables.delete, call);
      checkKey(key, target);
      await kv.txn({ success: [op.delete(key)] }, callOf(call));
    },
    async update(updates, call) {
      checkOptions(tables.update, call);
      if (!Array.isArray(updates)) throw new TypeError("updates must be an array");
      const success = updates.map((update, index) => opOf(update, target, `updates[${index}]`));
      await kv.txn({ success }, callOf(call));
    },
    async list(listOptions) {
      checkOptions(tables.list, listOptions);
      const serializable = listOptions?.serializable ?? true;
      const { kvs } = await kv.range({ prefix: prefixOf(target) }, { ...callOf(listOptions), serializable });
      return readPairs(kvs, target, onSkipped);
    },
    watch(watchOptions) {
      checkOptions(tables.watch, watchOptions);
      return endpointWatch(
        (signal) => endpointChanges(services, { target, signal, onSkipped }),
        watchOptions?.signal,
      );
    },
  };
}

function opOf(update: EndpointWrite, target: string, name: string): BranchOp {
  if (typeof update !== "object" || update === null) throw new TypeError(`${name} must be an object`);
  checkKey(update.key, target, `${name}.key`);
  switch (update.type) {
    case "add":
      if (update.leaseId !== undefined) checkId(update.leaseId, `${name}.leaseId`);
      return op.put(update.key, encodeEndpoint(update.endpoint, `${name}.endpoint`), {
        leaseId: update.leaseId,
      });
    case "delete":
      return op.delete(update.key);
    default:
      throw new TypeError(`${name}.type must be "add" or "delete"`);
  }
}
