import { Code, ConnectError } from "@connectrpc/connect";
import { isEtcdError } from "@etcdkit/core";
import type { Directory } from "../directory.js";
import { sameEndpoint } from "../endpoint.js";
import { EndpointLink, type LinkSetup, linkClosed } from "./endpoint-link.js";
import type { Pick } from "./pick.js";

/** The links to the endpoints of a directory, which follow its changes. */
export class EndpointLinks {
  readonly #directory: Directory;
  readonly #setup: LinkSetup;
  readonly #pick: Pick;
  readonly #unsubscribe: () => void;
  /** In the order of keys. */
  #links: readonly EndpointLink[] = [];
  /** Of endpoints that left the directory: with calls under way, or about to be closed. */
  readonly #leaving = new Set<EndpointLink>();
  #arrival: Arrival | undefined;
  #closure: Promise<void> | undefined;

  constructor(directory: Directory, setup: LinkSetup, pick: Pick) {
    this.#directory = directory;
    this.#setup = setup;
    this.#pick = pick;
    this.#unsubscribe = directory.subscribe(() => this.#follow());
    this.#follow();
  }

  get isEmpty(): boolean {
    return this.#links.length === 0;
  }

  /** One that was not tried; of those that failed of late only when there is no other. */
  choose(tried: ReadonlySet<EndpointLink>): EndpointLink | undefined {
    const left = this.#links.filter((link) => !tried.has(link));
    const fit = left.filter((link) => !link.resting);
    const [first, ...others] = fit.length > 0 ? fit : left;
    return first === undefined ? undefined : this.#pick([first, ...others]);
  }

  /** Waits until there is an endpoint. Rejects when there will be none any more. */
  arrival(): Promise<void> {
    if (this.#closure !== undefined) return Promise.reject(linkClosed());
    if (isEtcdError(this.#directory.error, "CLOSED")) return Promise.reject(this.nobody());
    this.#arrival ??= newArrival();
    return this.#arrival.promise;
  }

  /** The error of a call for which there is no endpoint. */
  nobody(): ConnectError {
    const { target, endpoints, error } = this.#directory;
    const why = endpoints === undefined ? "could not be read" : "are none";
    const text = `the endpoints of "${target}" ${why}`;
    return new ConnectError(text, Code.Unavailable, undefined, undefined, error);
  }

  /** Closes every link, whether or not its calls have ended. Idempotent. */
  close(): Promise<void> {
    this.#closure ??= this.#close();
    return this.#closure;
  }

  async #close(): Promise<void> {
    this.#unsubscribe();
    const links = [...this.#links, ...this.#leaving];
    this.#links = [];
    this.#arrived(linkClosed());
    await Promise.all(links.map((link) => link.close()));
  }

  /** Makes the links those of the directory. One whose endpoint says the same as before is kept. */
  #follow(): void {
    const { endpoints, error } = this.#directory;
    if (endpoints !== undefined) {
      const before = new Map(this.#links.map((link) => [link.key, link]));
      this.#links = [...endpoints].map(([key, endpoint]) => {
        const link = before.get(key);
        if (link === undefined || !sameEndpoint(link.endpoint, endpoint)) {
          return new EndpointLink(key, endpoint, this.#setup);
        }
        before.delete(key);
        return link;
      });
      for (const link of before.values()) this.#retire(link);
    }
    if (!this.isEmpty) this.#arrived();
    else if (isEtcdError(error, "CLOSED")) this.#arrived(this.nobody());
  }

  #retire(link: EndpointLink): void {
    this.#leaving.add(link);
    link.retire(() => void link.close().then(() => this.#leaving.delete(link)));
  }

  #arrived(failure?: Error): void {
    this.#arrival?.settle(failure);
    this.#arrival = undefined;
  }
}

/** What calls wait for together while there is no endpoint. */
interface Arrival {
  readonly promise: Promise<void>;
  settle(failure: Error | undefined): void;
}

function newArrival(): Arrival {
  let settle: Arrival["settle"] = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure === undefined ? resolve() : reject(failure));
  });
  // Those who waited may have left.
  promise.catch(() => undefined);
  return { promise, settle };
}
