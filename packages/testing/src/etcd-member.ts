import { readFile, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { KV, Maintenance } from "@etcdkit/core/protocol";
import { findEtcdBinary } from "./etcd-binaries.js";
import { type EtcdCommand, type EtcdProcess, logExcerpt, startProcess } from "./etcd-process.js";
import type { GrpcTransport } from "./grpc-transport.js";
import { processStopped } from "./process-stopped.js";
import type { Watchdog } from "./watchdog.js";

/** One server of an {@link EtcdCluster}. */
export interface EtcdMember {
  readonly name: string;
  /** Where clients reach it: the `endpoint` of a connection. */
  readonly endpoint: string;
  /** Where the other members reach it. */
  readonly peerUrl: string;
  /** Its process; after its end, the one that it was. */
  readonly pid: number;
  readonly dataDirectory: string;
  readonly isRunning: boolean;
  /** All that it has logged since it was first started. */
  log(): Promise<string>;
  /** Asks it to end (SIGTERM) and waits. A paused member is resumed for that. */
  stop(): Promise<void>;
  /** Ends it without notice (SIGKILL). */
  kill(): Promise<void>;
  /** Freezes it (SIGSTOP): its connections stay open and silent. Resolves once none of its threads runs. */
  pause(): Promise<void>;
  /** Lets it go on (SIGCONT). */
  resume(): void;
  /**
   * Starts it again on the same data, addresses and arguments, stopping it first where it runs, and waits until it
   * serves. A member of a cluster without a majority does not serve: use the cluster's `restart()`.
   *
   * @param options - `version`: go on with another server program, as in a rolling upgrade.
   */
  restart(options?: { readonly version?: string | undefined }): Promise<void>;
}

/** What {@link createMember} needs to know. */
export interface MemberPlan extends EtcdCommand {
  readonly name: string;
  readonly endpoint: string;
  readonly peerUrl: string;
  readonly dataDirectory: string;
  readonly startTimeoutMs: number;
  openTransport(endpoint: string): GrpcTransport;
}

/** A member with the two steps of its start apart, since members of a new cluster wait for each other. */
export interface ManagedMember extends EtcdMember {
  launch(): Promise<void>;
  /** @throws {@link AddressInUseError}, or an Error with the end of the log. */
  waitUntilServing(): Promise<void>;
}

/** Another program took the port between our asking for a free one and etcd's use of it. */
export class AddressInUseError extends Error {}

const stopTimeoutMs = 30_000;
const pollMs = 20;

/** Makes a member that is not started yet. */
export function createMember(plan: MemberPlan, watchdog: Watchdog): ManagedMember {
  let { program } = plan;
  let run: EtcdProcess | undefined;
  const current = (): EtcdProcess => {
    if (run === undefined) throw new Error(`${plan.name} was never started`);
    return run;
  };

  const member: ManagedMember = {
    name: plan.name,
    endpoint: plan.endpoint,
    peerUrl: plan.peerUrl,
    dataDirectory: plan.dataDirectory,
    get pid() {
      return current().pid;
    },
    get isRunning() {
      return run?.isRunning ?? false;
    },
    log: () => readFile(plan.logFile, "utf8"),

    async launch() {
      if (run?.isRunning) throw new Error(`${plan.name} is running already`);
      await removeSocket(plan.endpoint);
      run = await startProcess({ ...plan, program }, watchdog);
    },

    async waitUntilServing() {
      const { transport, close } = plan.openTransport(plan.endpoint);
      const maintenance = createClient(Maintenance, transport);
      const deadline = performance.now() + plan.startTimeoutMs;
      let reason: unknown;
      try {
        while (performance.now() < deadline) {
          if (!current().isRunning) throw await startFailure(plan, current());
          try {
            const status = await maintenance.status({}, { timeoutMs: 1_000 });
            if (status.leader !== 0n) return;
            reason = "it knows no leader";
          } catch (error) {
            reason = error;
            if (asksForUser(error) && (await answersReads(transport))) return;
          }
          await delay(pollMs);
        }
      } finally {
        await close();
      }
      throw new Error(
        `${plan.name} (${program}) does not serve after ${plan.startTimeoutMs} ms: ${reason}\n${await logExcerpt(plan.logFile)}`,
      );
    },

    async stop() {
      const process = current();
      process.signal("SIGTERM");
      process.signal("SIGCONT");
      const timer = new AbortController();
      const late = delay(stopTimeoutMs, "late" as const, { signal: timer.signal }).catch(
        () => "in time" as const,
      );
      const outcome = await Promise.race([process.waitUntilEnded(), late]);
      timer.abort();
      if (outcome === "late") throw new Error(`${plan.name} still runs ${stopTimeoutMs} ms after SIGTERM`);
    },

    async kill() {
      current().signal("SIGKILL");
      await current().waitUntilEnded();
    },

    async pause() {
      const { pid, signal } = current();
      signal("SIGSTOP");
      await processStopped(pid);
    },
    resume: () => current().signal("SIGCONT"),

    async restart({ version } = {}) {
      if (member.isRunning) await member.stop();
      if (version !== undefined) program = (await findEtcdBinary(version)).path;
      await launchAgain(member, plan.startTimeoutMs);
    },
  };
  return member;
}

/** One that was killed leaves its unix socket behind, and etcd 3.4 then listens on nothing, without a word. */
async function removeSocket(endpoint: string): Promise<void> {
  const { protocol, pathname } = new URL(endpoint);
  if (protocol === "unix:" || protocol === "unixs:") await rm(decodeURIComponent(pathname), { force: true });
}

function asksForUser(error: unknown): boolean {
  return /user name is empty/.test(String(error));
}

/**
 * Whether a member with authentication has a leader, found out without logging in: from some releases on (3.5.28, 3.6.12,
 * 3.7.0) it tells its status only to users. It asks who reads only after it has asked the leader for the read.
 */
async function answersReads(transport: Transport): Promise<boolean> {
  const read = createClient(KV, transport).range(
    { key: new TextEncoder().encode("\0") },
    { timeoutMs: 1_000 },
  );
  return await read.then(() => true, asksForUser);
}

/** Its port is fixed now. Someone else's short use of it, say for an outgoing connection, is waited out. */
async function launchAgain(member: ManagedMember, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    await member.launch();
    try {
      return await member.waitUntilServing();
    } catch (error) {
      if (!(error instanceof AddressInUseError) || performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

async function startFailure(plan: MemberPlan, process: EtcdProcess): Promise<Error> {
  const end = await logExcerpt(plan.logFile);
  const text = `${plan.name} (${plan.program}) ended with ${await process.ended} before it served:\n${end}`;
  return /address already in use/.test(end) ? new AddressInUseError(text) : new Error(text);
}
