import { join } from "node:path";
import type { CertificateFiles, ClusterTls } from "./cluster-tls.js";
import { proxiedPeerUrl } from "./peer-network.js";

/** How clients reach a member. */
export type Listening = "ipv4" | "ipv6" | "unix";

/** Where a member is reached, from the client's and from the server's point of view. */
export interface MemberAddresses {
  readonly name: string;
  readonly endpoint: string;
  /** Where other members are told to reach it. */
  readonly peerUrl: string;
  /** Where it listens for them. Differs from `peerUrl` in a cluster that can be partitioned. */
  readonly peerListenUrl: string;
  /** What the server is told to listen on. Differs from `endpoint` for a unix socket. */
  readonly clientUrl: string;
}

/**
 * A unix socket is named as if it were a host with a port, and etcd makes it in its working directory: no other form
 * is taken by every version from 3.4 on. It also tells its clients that name, which they cannot resolve, when they ask
 * for the member list.
 */
export function memberAddresses(options: {
  readonly name: string;
  readonly listen: Listening;
  readonly secure: boolean;
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly partitionable: boolean;
}): MemberAddresses {
  const { name, listen, secure, directory, clientPort } = options;
  const peerListenUrl = `http://127.0.0.1:${options.peerPort}`;
  const peerUrl = options.partitionable ? proxiedPeerUrl(name, peerListenUrl) : peerListenUrl;
  if (listen === "unix") {
    const [scheme, socket] = [secure ? "unixs" : "unix", `localhost:${clientPort}`];
    return {
      name,
      peerUrl,
      peerListenUrl,
      endpoint: `${scheme}://${join(directory, socket)}`,
      clientUrl: `${scheme}://${socket}`,
    };
  }
  const host = listen === "ipv6" ? "[::1]" : "127.0.0.1";
  const endpoint = `${secure ? "https" : "http"}://${host}:${clientPort}`;
  return { name, peerUrl, peerListenUrl, endpoint, clientUrl: endpoint };
}

/** The arguments of the server program. */
export function memberArguments(member: {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly peerListenUrl: string;
  readonly dataDirectory: string;
  /** All members, with this one. */
  readonly peers: readonly { readonly name: string; readonly peerUrl: string }[];
  /** Whether the cluster comes into being with this member, rather than being joined by it. */
  readonly isNew: boolean;
  /** Keeps members of different clusters apart when one meets the other's former port. */
  readonly token: string;
  readonly tls: ClusterTls | undefined;
  readonly server: CertificateFiles | undefined;
}): readonly string[] {
  const { name, clientUrl, peerUrl, tls, server } = member;
  return [
    ...["--name", name, "--data-dir", member.dataDirectory],
    ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
    ...["--listen-peer-urls", member.peerListenUrl, "--initial-advertise-peer-urls", peerUrl],
    ...["--initial-cluster", member.peers.map((peer) => `${peer.name}=${peer.peerUrl}`).join(",")],
    ...["--initial-cluster-state", member.isNew ? "new" : "existing"],
    ...["--initial-cluster-token", member.token],
    "--unsafe-no-fsync", // 3.4 has it since 3.4.10, though its help does not say so
    ...(server === undefined ? [] : ["--cert-file", server.certFile, "--key-file", server.keyFile]),
    ...(tls?.mode === "mutual" ? ["--client-cert-auth", "--trusted-ca-file", tls.caFile] : []),
  ];
}

/** This process's environment without what would configure the servers behind our back. */
export function serverEnvironment(): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_")));
}
