import type { ConnectionState } from "@etcdkit/transport";
import { diagnostics, type LinkState } from "../diagnostics/channels.js";
import { transportTo } from "../transport/transport-to.js";
import type { ResolvedOptions } from "./connect-options.js";
import type { Endpoint } from "./endpoint.js";
import type { ConnectionEvent } from "./events.js";
import { HealthWatch } from "./health.js";
import { Subchannel } from "./subchannel.js";

// Of several links to one endpoint the best speaks for it.
const bestFirst: readonly ConnectionState[] = ["ready", "connecting", "failed", "idle", "closed"];

/** All links of a connection: `connectionsPerEndpoint` for each of its endpoints, one for each member that is only pinned. */
export class SubchannelPool {
  readonly #options: ResolvedOptions;
  readonly #onChange: () => void;
  readonly #emit: (event: ConnectionEvent) => void;
  readonly #byUrl = new Map<string, readonly Subchannel[]>();
  readonly #pinned = new Set<string>();
  readonly #reported = new Map<Subchannel, { state: ConnectionState; serving: boolean }>();
  readonly #health = new Map<Subchannel, HealthWatch>();

  constructor(options: ResolvedOptions, onChange: () => void, emit: (event: ConnectionEvent) => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#emit = emit;
  }

  /** The links to these endpoints; links to others leave unless somebody has pinned them. */
  replace(endpoints: readonly Endpoint[]): readonly Subchannel[] {
    const urls = new Set(endpoints.map((endpoint) => endpoint.url));
    for (const [url, subchannels] of this.#byUrl) {
      if (urls.has(url) || this.#pinned.has(url)) continue;
      this.#byUrl.delete(url);
      for (const subchannel of subchannels) subchannel.leave();
    }
    return endpoints.flatMap((endpoint) => this.#to(endpoint, this.#options.connectionsPerEndpoint));
  }

  /** The links to one member, kept until the connection closes. */
  pin(endpoint: Endpoint): readonly Subchannel[] {
    this.#pinned.add(endpoint.url);
    return this.#to(endpoint, 1);
  }

  /** The links to an endpoint that is in use. */
  linksTo(endpoint: Endpoint): readonly Subchannel[] {
    return this.#byUrl.get(endpoint.url) ?? [];
  }

  state(endpoint: Endpoint): ConnectionState {
    const states = this.linksTo(endpoint).map((subchannel) => subchannel.state);
    return bestFirst.find((state) => states.includes(state)) ?? "closed";
  }

  async close(): Promise<void> {
    await Promise.all([...this.#reported.keys()].map((subchannel) => subchannel.close()));
  }

  #to(endpoint: Endpoint, atLeast: number): readonly Subchannel[] {
    const existing = this.#byUrl.get(endpoint.url) ?? [];
    const missing = Math.max(atLeast - existing.length, 0);
    const all = [...existing, ...Array.from({ length: missing }, () => this.#open(endpoint))];
    this.#byUrl.set(endpoint.url, all);
    return all;
  }

  #open(endpoint: Endpoint): Subchannel {
    const { clock, dialTimeoutMs, healthCheck } = this.#options;
    const subchannel = new Subchannel({
      endpoint,
      transport: transportTo(endpoint, this.#options),
      dialTimeoutMs,
      clock,
      onChange: (changed) => this.#changed(changed),
    });
    this.#reported.set(subchannel, { state: "idle", serving: true });
    publishState(subchannel, undefined);
    if (healthCheck) this.#health.set(subchannel, new HealthWatch(subchannel, clock));
    return subchannel;
  }

  #changed(subchannel: Subchannel): void {
    this.#health.get(subchannel)?.update();
    this.#report(subchannel);
    this.#onChange();
    if (subchannel.state === "closed") {
      this.#reported.delete(subchannel);
      this.#health.delete(subchannel);
    }
  }

  #report(subchannel: Subchannel): void {
    const before = this.#reported.get(subchannel);
    const { state, serving, lastError } = subchannel;
    const endpoint = subchannel.endpoint.url;
    if (before !== undefined && before.state !== state) {
      before.state = state;
      const error = state === "ready" || state === "closed" ? undefined : lastError;
      publishState(subchannel, error);
      this.#emit({ type: "endpoint-state", endpoint, state, error });
      this.#options.logger.info("endpoint changed state", { endpoint, state, reason: error?.message });
    }
    if (before !== undefined && before.serving !== serving) {
      before.serving = serving;
      this.#emit({ type: "endpoint-health", endpoint, serving });
    }
  }
}

function publishState(link: Subchannel, error: LinkState["error"]): void {
  const { links } = diagnostics;
  if (links.hasSubscribers) links.publish({ link, endpoint: link.endpoint.url, state: link.state, error });
}
