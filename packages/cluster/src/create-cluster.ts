import { type Connection, EtcdError } from "@etcdkit/core";
import { Cluster as ClusterService, type Member as MemberMessage } from "@etcdkit/core/protocol";
import {
  callChecks,
  callOf,
  callUnary,
  checkFlag,
  checkMemberId,
  checkOptions,
  headerOf,
  optionTable,
} from "@etcdkit/core/spi";
import type { Cluster, Member } from "./cluster.js";
import { toPeerUrls } from "./peer-urls.js";

const tables = {
  list: optionTable("list", { serializable: checkFlag, ...callChecks }),
  add: optionTable("add", { learner: checkFlag, ...callChecks }),
  remove: optionTable("remove", callChecks),
  update: optionTable("update", callChecks),
  promote: optionTable("promote", callChecks),
};

/**
 * The members of an etcd cluster over a connection. It holds nothing of its own: closing the connection is all there is to
 * close.
 *
 * @param connection - What `connect` returned, or anything with a transport that rejects as a connection's does.
 */
export function createCluster(connection: Pick<Connection, "transport">): Cluster {
  const { transport } = connection;
  const { method } = ClusterService;
  return {
    async list(options) {
      checkOptions(tables.list, options);
      const request = { linearizable: options?.serializable !== true };
      const answer = await callUnary(transport, method.memberList, request, callOf(options));
      return { header: headerOf(answer), members: answer.members.map(decodeMember) };
    },
    async add(peerUrls, options) {
      const peerURLs = toPeerUrls(peerUrls);
      checkOptions(tables.add, options);
      const request = { peerURLs, isLearner: options?.learner ?? false };
      const answer = await callUnary(transport, method.memberAdd, request, callOf(options));
      if (answer.member === undefined) {
        throw new EtcdError("PROTOCOL", "the server does not say which member it added", {
          outcome: "unknown",
        });
      }
      const members = answer.members.map(decodeMember);
      return { header: headerOf(answer), member: decodeMember(answer.member), members };
    },
    async remove(id, call) {
      checkMemberId(id, "id");
      checkOptions(tables.remove, call);
      const answer = await callUnary(transport, method.memberRemove, { ID: id }, call);
      return { header: headerOf(answer), members: answer.members.map(decodeMember) };
    },
    async update(id, peerUrls, call) {
      checkMemberId(id, "id");
      const peerURLs = toPeerUrls(peerUrls);
      checkOptions(tables.update, call);
      const answer = await callUnary(transport, method.memberUpdate, { ID: id, peerURLs }, call);
      return { header: headerOf(answer), members: answer.members.map(decodeMember) };
    },
    async promote(id, call) {
      checkMemberId(id, "id");
      checkOptions(tables.promote, call);
      const answer = await callUnary(transport, method.memberPromote, { ID: id }, call);
      return { header: headerOf(answer), members: answer.members.map(decodeMember) };
    },
  };
}

function decodeMember({ ID, name, peerURLs, clientURLs, isLearner }: MemberMessage): Member {
  return { id: ID, name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner };
}
