import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Auth,
  Cluster,
  election,
  Health,
  HealthCheckResponse_ServingStatus,
  KV,
  Lease,
  lock,
  Maintenance,
  ResponseHeaderSchema,
  Watch,
} from "@etcdkit/core/protocol";
import type { Script } from "./script-book.js";
import type { Method } from "./scripted-call.js";

/** What the servers of a cluster agree on, and what a server says of itself. */
export interface ServerIdentity {
  readonly version: string;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** The revision in every answer. */
  readonly revision: bigint;
}

/** Every service that etcd offers. */
const services = [
  KV,
  Watch,
  Lease,
  Cluster,
  Maintenance,
  Auth,
  Health,
  lock.Lock,
  election.Election,
] as const;

/** Sets the answers of an etcd that holds nothing and agrees to everything. */
export function addDefaultAnswers(
  on: <I extends DescMessage, O extends DescMessage>(method: Method<I, O>, script: Script<I, O>) => void,
  { version, clusterId, memberId, revision }: ServerIdentity,
  endpoint: string,
): void {
  const header: MessageInitShape<typeof ResponseHeaderSchema> = {
    clusterId,
    memberId,
    revision,
    raftTerm: 1n,
  };

  for (const service of services) {
    for (const method of service.methods) {
      const hasHeader = method.output.fields.some((field) => field.localName === "header");
      const answer = hasHeader ? { header: create(ResponseHeaderSchema, header) } : {};
      if (method.methodKind === "unary") on(method as Method<DescMessage, DescMessage>, () => answer);
    }
  }
  on(Maintenance.method.status, () => ({ header, version, leader: memberId, raftIndex: 1n, raftTerm: 1n }));
  on(Cluster.method.memberList, () => ({
    header,
    members: [{ ID: memberId, name: "scripted", clientURLs: [endpoint], peerURLs: [] }],
  }));
  let tokens = 0;
  on(Auth.method.authenticate, () => {
    tokens += 1;
    return { header, token: `token-${tokens}` };
  });
  on(Health.method.check, () => ({ status: HealthCheckResponse_ServingStatus.SERVING }));
  let leases = 0n;
  on(Lease.method.leaseGrant, ({ request }) => {
    leases += 1n;
    return { header, ID: request.ID === 0n ? leases : request.ID, TTL: request.TTL };
  });
  on(Lease.method.leaseKeepAlive, async (call) => {
    for await (const { ID } of call.requests) call.send({ header, ID, TTL: 60n });
    call.end();
  });
  on(Watch.method.watch, async (call) => {
    let watches = 0n;
    for await (const { requestUnion } of call.requests) {
      if (requestUnion.case === "createRequest") {
        const watchId = requestUnion.value.watchId === 0n ? watches : requestUnion.value.watchId;
        watches += 1n;
        call.send({ header, watchId, created: true });
      } else if (requestUnion.case === "cancelRequest") {
        call.send({ header, watchId: requestUnion.value.watchId, canceled: true });
      } else if (requestUnion.case === "progressRequest") {
        call.send({ header, watchId: -1n });
      }
    }
    call.end();
  });
  on(Maintenance.method.snapshot, (call) => call.end());
  on(KV.method.rangeStream, (call) => call.end());
  on(Health.method.watch, (call) => call.send({ status: HealthCheckResponse_ServingStatus.SERVING }));
  on(election.Election.method.observe, () => undefined);
}
