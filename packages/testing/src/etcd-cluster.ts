import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { Auth, Cluster } from "@etcdkit/core/protocol";
import { type ClusterAuth, enableAuth, planAuth } from "./cluster-auth.js";
import { type ClusterTls, createClusterTls } from "./cluster-tls.js";
import { findEtcdBinary } from "./etcd-binaries.js";
import { AddressInUseError, createMember, type EtcdMember, type ManagedMember } from "./etcd-member.js";
import { checkOptions, type EtcdOptions } from "./etcd-options.js";
import { freePorts } from "./free-ports.js";
import { type GrpcTransport, openGrpcTransport } from "./grpc-transport.js";
import {
  type MemberAddresses,
  memberAddresses,
  memberArguments,
  serverEnvironment,
} from "./member-arguments.js";
import { createPeerNetwork } from "./peer-network.js";
import { startWatchdog } from "./watchdog.js";

/** Real etcd servers on this machine, in a temporary folder and on free ports. */
export interface EtcdCluster extends AsyncDisposable {
  /** The version that it was started with. */
  readonly version: string;
  /** Of all members, in their order: what `connect()` takes. */
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdMember[];
  readonly tls?: ClusterTls | undefined;
  readonly auth?: ClusterAuth | undefined;
  /**
   * Opens a connection to a running member behind the client's back, as root where there is authentication. Its token
   * is not renewed.
   */
  openAdmin(): Promise<GrpcTransport>;
  /** Adds a member to the cluster and waits until it serves. A learner has no vote until it is promoted. */
  addMember(options?: { readonly learner?: boolean | undefined }): Promise<EtcdMember>;
  /**
   * Cuts the network between members that share no side. A member may be on several, and those that are on none form one
   * together. Clients reach all of them as before. Needs `partitionable`.
   */
  partition(...sides: readonly (readonly EtcdMember[])[]): void;
  /** Ends {@link EtcdCluster.partition}. The members find each other within a second or so. */
  heal(): void;
  /** Stops all members, then starts them again on their data. */
  restart(): Promise<void>;
  /** Kills the servers and removes what they wrote, except a given `dataDirectory`. Idempotent. */
  close(): Promise<void>;
}

const startAttempts = 5;

/**
 * Starts etcd servers and waits until each serves. They end with this process, whatever ends it.
 *
 * Disks are not waited for (`--unsafe-no-fsync`), which no client can tell unless the machine itself goes down.
 *
 * @throws TypeError, RangeError for bad options.
 * @throws Error when there is no such server on this machine, or it does not start: with the end of its log.
 */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  checkOptions(options);
  const { members: count = 1, args = [], env = {}, startTimeoutMs = 30_000 } = options;
  const binary = await findEtcdBinary(options.version);
  // The real path, since a unix socket's may be at most some hundred bytes and is compared by some tests.
  const root = await realpath(await mkdtemp(join(options.temporaryDirectory ?? tmpdir(), "etcdkit-")));
  const watchdog = startWatchdog(root);
  const members: ManagedMember[] = [];
  const network = options.partitionable ? createPeerNetwork() : undefined;
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    await endMembers(members);
    await network?.close();
    await watchdog.close();
  }

  function close(): Promise<void> {
    closing ??= end();
    return closing;
  }

  try {
    const security = options.tls ? await createClusterTls(join(root, "tls"), options.tls) : undefined;
    const access = options.auth
      ? await planAuth(join(root, "auth"), options.auth, options.tokenTtlSeconds)
      : undefined;
    const tls = security?.tls;
    const openTransport = (endpoint: string): GrpcTransport => openGrpcTransport(endpoint, { tls });

    const plan = async (
      addresses: MemberAddresses,
      peers: readonly Peer[],
      isNew: boolean,
    ): Promise<ManagedMember> => {
      const { name } = addresses;
      const directory = join(root, name);
      const dataDirectory = resolve(options.dataDirectory ?? join(directory, "data"));
      await mkdir(directory, { recursive: true });
      const own = memberArguments({
        ...addresses,
        dataDirectory,
        peers,
        isNew,
        token: basename(root),
        tls,
        server: security?.server,
      });
      return createMember(
        {
          ...addresses,
          program: binary.path,
          args: [...own, ...(access?.args ?? []), ...args],
          env: { ...serverEnvironment(), ...(await network?.environmentOf(name)), ...env },
          directory,
          dataDirectory,
          logFile: join(directory, "etcd.log"),
          echo: options.quiet === false,
          startTimeoutMs,
          openTransport,
        },
        watchdog,
      );
    };

    const cluster: EtcdCluster = {
      version: binary.version,
      get endpoints() {
        return members.map((member) => member.endpoint);
      },
      get members() {
        return [...members];
      },
      tls,
      auth: access?.auth,

      async openAdmin() {
        const { endpoint } = members.find((member) => member.isRunning) ?? {};
        if (endpoint === undefined) throw new Error("no member of the cluster runs");
        if (access === undefined) return openTransport(endpoint);
        await using anonymous = openTransport(endpoint);
        const { token } = await createClient(Auth, anonymous.transport).authenticate(access.auth.root);
        return openGrpcTransport(endpoint, { tls, token });
      },

      async addMember({ learner = false } = {}) {
        const name = `m${members.length + 1}`;
        const [addresses] = await chooseAddresses(root, [name], options, tls !== undefined);
        if (addresses === undefined) throw new Error("no address for the new member");
        await announce(cluster, addresses.peerUrl, learner, startTimeoutMs);
        const added = await plan(addresses, [...members, addresses], false);
        members.push(added);
        await added.launch();
        await added.waitUntilServing();
        return added;
      },

      partition(...sides) {
        if (network === undefined) throw new Error("start the cluster with `partitionable: true`");
        network.partition(sides.map((side) => side.map(({ name }) => name)));
      },
      heal() {
        network?.heal();
      },

      async restart() {
        await Promise.all(members.map((member) => member.stop()));
        await Promise.all(members.map((member) => member.restart()));
      },

      close,
      [Symbol.asyncDispose]: close,
    };

    const names = Array.from({ length: count }, (_, index) => `m${index + 1}`);
    for (let attempt = 1; ; attempt++) {
      const peers = await chooseAddresses(root, names, options, tls !== undefined);
      members.push(...(await Promise.all(peers.map((addresses) => plan(addresses, peers, true)))));
      try {
        await serve(members);
        break;
      } catch (error) {
        if (!(error instanceof AddressInUseError) || attempt === startAttempts) throw error;
        await endMembers(members);
        await Promise.all(names.map((name) => rm(join(root, name), { recursive: true, force: true })));
        members.length = 0;
      }
    }
    if (access !== undefined) {
      await using anonymous = openTransport(members[0]?.endpoint ?? "");
      await enableAuth(anonymous.transport, access.auth);
    }
    return cluster;
  } catch (error) {
    await close();
    throw error;
  }
}

type Peer = Pick<MemberAddresses, "name" | "peerUrl">;

async function chooseAddresses(
  root: string,
  names: readonly string[],
  { listen = "ipv4", partitionable = false }: EtcdOptions,
  secure: boolean,
): Promise<readonly MemberAddresses[]> {
  const peerPorts = await freePorts(names.length);
  const clientPorts =
    listen === "unix" ? [] : await freePorts(names.length, listen === "ipv6" ? "::1" : undefined);
  return names.map((name, index) =>
    memberAddresses({
      name,
      listen,
      secure,
      directory: join(root, name),
      clientPort: clientPorts[index] ?? index + 1,
      peerPort: peerPorts[index] ?? 0,
      partitionable,
    }),
  );
}

/** Starts the members of a new cluster. None serves before a majority runs. */
async function serve(members: readonly ManagedMember[]): Promise<void> {
  await Promise.all(members.map((member) => member.launch()));
  await Promise.all(members.map((member) => member.waitUntilServing()));
}

async function endMembers(members: readonly ManagedMember[]): Promise<void> {
  await Promise.all(members.filter((member) => member.isRunning).map((member) => member.kill()));
}

/** Tells the cluster of a new member. It refuses as long as its own members have not been in touch for 5 seconds. */
async function announce(
  cluster: EtcdCluster,
  peerUrl: string,
  isLearner: boolean,
  timeoutMs: number,
): Promise<void> {
  await using admin = await cluster.openAdmin();
  const deadline = performance.now() + timeoutMs;
  while (true) {
    try {
      await createClient(Cluster, admin.transport).memberAdd({ peerURLs: [peerUrl], isLearner });
      return;
    } catch (error) {
      if (!/unhealthy cluster/.test(String(error)) || performance.now() > deadline) throw error;
      await delay(200);
    }
  }
}
