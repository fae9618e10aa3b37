import type { Connection } from "@etcdkit/core";
import { Auth as AuthService } from "@etcdkit/core/protocol";
import { callChecks, callUnary, checkOptions, headerOf, optionTable } from "@etcdkit/core/spi";
import type { Auth } from "./auth.js";
import { checkText } from "./check-text.js";
import { createRoles } from "./roles.js";
import { createUsers } from "./users.js";

const tables = {
  enable: optionTable("enable", callChecks),
  disable: optionTable("disable", callChecks),
  status: optionTable("status", callChecks),
  authenticate: optionTable("authenticate", callChecks),
};

/**
 * The users and roles of an etcd cluster over a connection. It holds nothing of its own: closing the connection is all
 * there is to close.
 *
 * @param connection - What `connect` returned, or anything with a transport that rejects as a connection's does.
 */
export function createAuth(connection: Pick<Connection, "transport">): Auth {
  const { transport } = connection;
  const { method } = AuthService;
  return {
    users: createUsers(connection),
    roles: createRoles(connection),
    async enable(call) {
      checkOptions(tables.enable, call);
      return { header: headerOf(await callUnary(transport, method.authEnable, {}, call)) };
    },
    async disable(call) {
      checkOptions(tables.disable, call);
      return { header: headerOf(await callUnary(transport, method.authDisable, {}, call)) };
    },
    async status(call) {
      checkOptions(tables.status, call);
      const answer = await callUnary(transport, method.authStatus, {}, call);
      return { header: headerOf(answer), enabled: answer.enabled, authRevision: answer.authRevision };
    },
    async authenticate(name, password, call) {
      checkText(name, "name");
      checkText(password, "password");
      checkOptions(tables.authenticate, call);
      const { token } = await callUnary(transport, method.authenticate, { name, password }, call);
      return token;
    },
  };
}
