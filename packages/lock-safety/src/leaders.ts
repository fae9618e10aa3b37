import { createClient } from "@connectrpc/connect";
import { Lease, Maintenance } from "@etcdkit/core/protocol";
import { type EtcdCluster, type EtcdMember, type GrpcTransport, openGrpcTransport } from "@etcdkit/testing";

/** What is done to the cluster itself, behind the clients' backs. */
export interface Administration extends AsyncDisposable {
  /** The member that leads; undefined while none is known. */
  leader(): Promise<EtcdMember | undefined>;
  /** Lets another member lead. Resolves with whether it does. */
  moveLeader(): Promise<boolean>;
  /** Resolves when a member has said that it is done, with `false` when none has. */
  revoke(leaseId: string): Promise<boolean>;
}

/** Opens a plain connection to each member. */
export function administer({ members }: EtcdCluster): Administration {
  const limits = { timeoutMs: 5_000 };
  const plain = members.map(({ endpoint }) => openGrpcTransport(endpoint));
  const status = async ({ transport }: GrpcTransport) => {
    const { header, leader } = await createClient(Maintenance, transport).status({}, limits);
    return { id: header?.memberId ?? 0n, leader };
  };
  const statuses = () => Promise.all(plain.map((each) => status(each).catch(() => undefined)));
  return {
    async leader() {
      const found = await statuses();
      return members.find((_, i) => found[i] !== undefined && found[i]?.id === found[i]?.leader);
    },
    async moveLeader() {
      const found = await statuses();
      const leads = found.findIndex((one) => one !== undefined && one.id === one.leader);
      const [from, target] = [plain[leads], found[(leads + 1) % found.length]];
      if (leads === -1 || from === undefined || target === undefined) return false;
      const moving = createClient(Maintenance, from.transport).moveLeader({ targetID: target.id }, limits);
      return await moving.then(
        () => true,
        () => false, // it leads no longer, or nobody follows it
      );
    },
    async revoke(leaseId) {
      // Through any member that answers.
      const calls = plain.map(({ transport }) => createClient(Lease, transport));
      for (const call of calls) {
        try {
          await call.leaseRevoke({ ID: BigInt(leaseId) }, limits);
          return true;
        } catch {
          // paused, or the lease is gone already
        }
      }
      return false;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(plain.map((each) => each.close()));
    },
  };
}
