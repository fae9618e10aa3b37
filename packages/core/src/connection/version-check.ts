import type { Transport } from "@connectrpc/connect";
import type { Call } from "./call.js";
import { checkClusterVersion } from "./cluster-version.js";
import { Lifetime } from "./lifetime.js";
import type { Delay, Prerequisite } from "./prerequisite.js";

/** The members of a cluster, each by a transport of its own. */
export interface OpenMembers {
  readonly transports: ReadonlyMap<string, Transport>;
  close(): void;
}

/** What the check needs of its connection. */
export interface VersionCheckSetup {
  /** Whether members are checked at all (`rejectOldCluster`). */
  readonly wanted: boolean;
  /** Transports to the endpoints as they are now; tells of each call over them. */
  open(onCall: (url: string, call: Call) => void): OpenMembers;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * The check that no member is too old, once for all calls that wait for it. One that fails is made again for the next
 * call; one that succeeded is not repeated for members that come later.
 */
export class VersionCheck implements Prerequisite {
  readonly #setup: VersionCheckSetup;
  #ready: boolean;
  #checking: Promise<void> | undefined;
  /** The check under way: what ends it, and the members that have not answered, with their calls. */
  #attempt: { readonly life: Lifetime; readonly missing: Map<string, Call | undefined> } | undefined;

  constructor(setup: VersionCheckSetup) {
    this.#setup = setup;
    this.#ready = !setup.wanted;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get delay(): Delay {
    const missing = [...(this.#attempt?.missing ?? [])];
    const urls = missing.map(([url]) => url);
    const causes = missing.map(([, call]) => call?.delay.cause).filter((cause) => cause !== undefined);
    return {
      what: urls.length === 0 ? "the version check" : `the version check of ${urls.join(", ")}`,
      endpoint: urls.length === 1 ? urls[0] : undefined,
      cause: causes[0],
    };
  }

  fetch(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** The endpoints have changed: a check under way begins anew, for who waits for it waits for members that left. */
  restart(): void {
    this.#attempt?.life.end();
  }

  async #check(): Promise<void> {
    while (!this.#ready) this.#ready = await this.#ask();
  }

  /** Asks every member; tells whether the answers still count. */
  async #ask(): Promise<boolean> {
    const { open, signal, timeoutMs } = this.#setup;
    const life = new Lifetime(signal);
    const missing = new Map<string, Call | undefined>();
    const members = open((url, call) => missing.set(url, call));
    for (const url of members.transports.keys()) missing.set(url, undefined);
    this.#attempt = { life, missing };
    try {
      const call = { signal: life.signal, timeoutMs };
      await checkClusterVersion(members.transports, call, (url) => missing.delete(url));
      return !life.signal.aborted;
    } catch (error) {
      if (life.signal.aborted && !signal.aborted) return false;
      throw error;
    } finally {
      this.#attempt = undefined;
      // The first error decides; nobody waits for the other members any more.
      life.end();
      members.close();
    }
  }
}
