import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { KV, Maintenance } from "@etcdkit/core/protocol";
import { type EtcdCluster, type EtcdMember, openGrpcTransport } from "@etcdkit/testing";

/** Who leads a cluster, and who follows, in the cluster's order. */
export interface Roles {
  readonly leader: EtcdMember;
  readonly followers: readonly EtcdMember[];
}

/** What a member says of itself, asked behind the client's back. `leader` is 0n while it knows none. */
export async function statusOf(
  cluster: EtcdCluster,
  member: EtcdMember,
): Promise<{ readonly id: bigint; readonly leader: bigint; readonly term: bigint }> {
  await using plain = openGrpcTransport(member.endpoint, { tls: cluster.tls });
  const maintenance = createClient(Maintenance, plain.transport);
  const { header, leader, raftTerm } = await maintenance.status({}, { timeoutMs: 1_000 });
  return { id: header?.memberId ?? 0n, leader, term: raftTerm };
}

/** Waits until those of the members that run agree on one of them as their leader. */
export async function rolesOf(
  cluster: EtcdCluster,
  among: readonly EtcdMember[] = cluster.members,
  timeoutMs = 15_000,
): Promise<Roles> {
  const running = among.filter((member) => member.isRunning);
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const statuses = await Promise.all(
      running.map((member) => statusOf(cluster, member).catch(() => undefined)),
    );
    const [first] = statuses;
    const agreed =
      first !== undefined &&
      first.leader !== 0n &&
      statuses.every((status) => status?.leader === first.leader);
    const leader = running[statuses.findIndex((status) => status?.id === first?.leader)];
    if (agreed && leader !== undefined) {
      return { leader, followers: running.filter((member) => member !== leader) };
    }
    if (performance.now() > deadline) throw new Error(`no leader is agreed on within ${timeoutMs} ms`);
    await delay(20);
  }
}

/** Waits until a member knows that it has no leader, as one that was cut off does after an election timeout or two. */
export async function becomesLeaderless(cluster: EtcdCluster, member: EtcdMember): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (true) {
    // One that has no time to answer has not said that it knows one, nor that it does not.
    const status = await statusOf(cluster, member).catch(() => undefined);
    if (status?.leader === 0n) return;
    if (performance.now() > deadline) throw new Error(`${member.name} still knows a leader`);
    await delay(20);
  }
}

/** Waits until every member that runs can confirm with the others what it reads, as all can some time after a partition. */
export async function allServe(cluster: EtcdCluster): Promise<void> {
  const deadline = performance.now() + 20_000;
  const running = cluster.members.filter((member) => member.isRunning);
  await Promise.all(
    running.map(async ({ name, endpoint }) => {
      await using plain = openGrpcTransport(endpoint, { tls: cluster.tls });
      const kv = createClient(KV, plain.transport);
      while (true) {
        try {
          await kv.range({ key: Buffer.from("any") }, { timeoutMs: 1_000 });
          return;
        } catch (error) {
          if (performance.now() > deadline) throw new Error(`${name} does not serve`, { cause: error });
          await delay(20);
        }
      }
    }),
  );
}
