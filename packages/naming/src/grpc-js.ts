/**
 * A resolver for `@grpc/grpc-js`: channels to `etcd:///service/name` follow the endpoints of the service.
 *
 * @packageDocumentation
 */
import type { Clock } from "@etcdkit/core";
import { checkClock, checkFunction, checkOptions, optionTable } from "@etcdkit/core/spi";
import { experimental, Metadata, status } from "@grpc/grpc-js";
import { parseAddress } from "./address.js";
import { authorityOf } from "./authority-of.js";
import { type Directory, openDirectory } from "./directory.js";
import { checkNamingServices, type NamingServices } from "./endpoint-changes.js";
import { guarded, type OnSkipped, warnOnce } from "./skipped.js";

/** Options of {@link registerEtcdResolver}. */
export interface EtcdResolverOptions {
  /** What targets begin with. Default `"etcd"`. */
  readonly scheme?: string | undefined;
  /**
   * Is told of each entry that cannot be read as an endpoint, or has an address that grpc-js cannot dial, and is left out.
   * Default: one warning of the process for each channel.
   */
  readonly onSkipped?: OnSkipped | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

const table = optionTable("registerEtcdResolver", {
  scheme: (value, name) => {
    if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
    if (!/^[A-Za-z][A-Za-z0-9+.-]*$/.test(value)) throw new RangeError(`${name} must be the scheme of a URI`);
  },
  onSkipped: checkFunction,
  clock: checkClock,
});

/**
 * Teaches grpc-js targets of the form `etcd:///service/name`, for every channel that is made from now on.
 *
 * Which schemes there are is a matter of grpc-js and so of the process: a second registration of a scheme replaces the
 * first, and there is no way to take one back. Channels that exist keep what they were made with.
 *
 * How a channel balances is said to the channel: grpc-js picks the first endpoint in the order of keys that it can connect
 * to, unless the option `grpc.service_config` says otherwise, such as `{"loadBalancingConfig":[{"round_robin":{}}]}`. The
 * channel follows changes as they come. Without any endpoint, calls fail with `UNAVAILABLE`, or wait for one when they are
 * made with `waitForReady`. While etcd cannot be read, the endpoints stay as they were. Closing the channel ends the watch.
 *
 * @param services - `kv` and `watcher` of one cluster and one namespace. They must stay open for as long as the channels.
 * @throws `TypeError` or `RangeError` that names the argument.
 */
export function registerEtcdResolver(services: NamingServices, options: EtcdResolverOptions = {}): void {
  checkNamingServices(services);
  checkOptions(table, options);
  const { scheme = "etcd", clock, onSkipped } = options;
  const open = (target: string, skipped: OnSkipped): Directory =>
    openDirectory(services, target, { clock, onSkipped: skipped });

  class RegisteredResolver extends EtcdResolver {
    constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
      super(open, serviceOf(target), listener, onSkipped);
    }

    /** What servers are told that they were called by. */
    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return authorityOf(serviceOf(target));
    }
  }
  experimental.registerResolver(scheme, RegisteredResolver);
}

/** The name of the service in a target: its path, unescaped, without the slash in front. */
function serviceOf({ path }: experimental.GrpcUri): string {
  const escaped = path.replace(/^\//, "");
  let service: string;
  try {
    service = decodeURIComponent(escaped);
  } catch (cause) {
    throw new TypeError("invalid target: an escape sequence is broken", { cause });
  }
  if (service === "") throw new TypeError("invalid target: it names no service");
  return service;
}

type GrpcEndpoint = experimental.Endpoint;

/** Follows a service between the first `updateResolution` and `destroy`, which may come again and again. */
class EtcdResolver implements experimental.Resolver {
  readonly #open: (target: string, onSkipped: OnSkipped) => Directory;
  readonly #service: string;
  readonly #listener: experimental.ResolverListener;
  readonly #onSkipped: OnSkipped;
  #directory: Directory | undefined;
  /** What was told last, as text. */
  #told: string | undefined;

  constructor(
    open: (target: string, onSkipped: OnSkipped) => Directory,
    service: string,
    listener: experimental.ResolverListener,
    onSkipped: OnSkipped | undefined,
  ) {
    this.#open = open;
    this.#service = service;
    this.#listener = listener;
    this.#onSkipped = guarded(onSkipped ?? warnOnce());
  }

  /** Begins; later, there is nothing to do: changes come by themselves. */
  updateResolution(): void {
    if (this.#directory !== undefined) return;
    const directory = this.#open(this.#service, this.#onSkipped);
    this.#directory = directory;
    directory.subscribe(() => {
      if (this.#directory === directory) this.#tell(directory);
    });
  }

  destroy(): void {
    const directory = this.#directory;
    this.#directory = undefined;
    this.#told = undefined;
    void directory?.close();
  }

  #tell({ endpoints, error }: Directory): void {
    if (endpoints === undefined) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#fail(`the endpoints of "${this.#service}" cannot be read: ${cause}`);
      return;
    }
    const list: GrpcEndpoint[] = [];
    for (const [key, { address }] of endpoints) {
      try {
        list.push({ addresses: [{ ...parseAddress(address) }] });
      } catch (cause) {
        this.#onSkipped({ target: this.#service, key: new TextEncoder().encode(key), cause });
      }
    }
    // To tell the same again would make some policies begin anew.
    const told = JSON.stringify(list);
    if (told === this.#told) return;
    this.#told = told;
    this.#listener(experimental.statusOrFromValue(list), {}, null, "");
    // An empty list alone is no answer to a policy that has had none yet: calls would hang.
    if (list.length === 0) this.#fail(`"${this.#service}" has no endpoint`);
  }

  #fail(details: string): void {
    const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    this.#listener(experimental.statusOrFromError(error), {}, null, "");
  }
}
