import type { CallOptions, Connection, KeyOrRange, ResponseHeader } from "@etcdkit/core";
import { Auth } from "@etcdkit/core/protocol";
import { callChecks, callUnary, checkOptions, headerOf, optionTable } from "@etcdkit/core/spi";
import type { AuthResult } from "./auth.js";
import { checkText } from "./check-text.js";
import {
  decodePermission,
  encodePermission,
  encodeRevokedKeys,
  type Permission,
  type PermissionType,
} from "./permission.js";

/** A role. */
export interface RoleResult {
  readonly header: ResponseHeader;
  /** Ascending by key. That of the role `root` is told by etcd 3.6 and later only; it may do everything in any case. */
  readonly permissions: readonly Permission[];
}

/** All roles. */
export interface RoleListResult {
  readonly header: ResponseHeader;
  /** Their names. */
  readonly roles: readonly string[];
}

/**
 * The roles of a cluster. Once authentication is enabled, only users with the role `root` may call this, except
 * {@link Roles.get}.
 *
 * Methods reject with `EtcdError`: `ROLE_NOT_FOUND`, `PERMISSION_DENIED` and `USER_EMPTY` (nobody is logged in) are possible
 * for all that are given a name; further codes stand with each.
 */
export interface Roles {
  /**
   * Adds a role without permissions. The role `root` is one to add, too: whoever has it may do everything.
   *
   * @throws `EtcdError` `ROLE_ALREADY_EXIST`, `ROLE_EMPTY` for an empty name.
   */
  add(name: string, call?: CallOptions): Promise<AuthResult>;
  /** Tells the permissions of a role. Users may ask this about roles that they have. */
  get(name: string, call?: CallOptions): Promise<RoleResult>;
  /** Lists all roles. */
  list(call?: CallOptions): Promise<RoleListResult>;
  /**
   * Deletes a role, and takes it from every user.
   *
   * @throws `EtcdError` `INVALID_AUTH_MGMT` for `root` while authentication is enabled.
   */
  delete(name: string, call?: CallOptions): Promise<AuthResult>;
  /**
   * Allows a role to read, write, or both, a key or a range. For exactly the same keys it replaces what was granted
   * before. A request must lie within the role's ranges taken together: those that touch count as one.
   *
   * @param type - `"read"`, `"write"` or `"readwrite"`, in any case.
   * @param keys - Not empty, nor a range from the empty key on: for every key, say `{ from: "\0" }`.
   */
  grantPermission(
    name: string,
    type: PermissionType,
    keys: KeyOrRange,
    call?: CallOptions,
  ): Promise<AuthResult>;
  /**
   * Takes a permission from a role, of any type.
   *
   * @param keys - Exactly those that were granted; what {@link Roles.get} tells will do. A part of them cannot be taken.
   * @throws `EtcdError` `PERMISSION_NOT_GRANTED`.
   */
  revokePermission(name: string, keys: KeyOrRange, call?: CallOptions): Promise<AuthResult>;
}

const tables = {
  add: optionTable("roles.add", callChecks),
  get: optionTable("roles.get", callChecks),
  list: optionTable("roles.list", callChecks),
  delete: optionTable("roles.delete", callChecks),
  grantPermission: optionTable("roles.grantPermission", callChecks),
  revokePermission: optionTable("roles.revokePermission", callChecks),
};

/** The roles of a cluster, over a transport. */
export function createRoles({ transport }: Pick<Connection, "transport">): Roles {
  const { method } = Auth;
  return {
    async add(name, call) {
      checkText(name, "name");
      checkOptions(tables.add, call);
      return { header: headerOf(await callUnary(transport, method.roleAdd, { name }, call)) };
    },
    async get(name, call) {
      checkText(name, "name");
      checkOptions(tables.get, call);
      const answer = await callUnary(transport, method.roleGet, { role: name }, call);
      return { header: headerOf(answer), permissions: answer.perm.map(decodePermission) };
    },
    async list(call) {
      checkOptions(tables.list, call);
      const answer = await callUnary(transport, method.roleList, {}, call);
      return { header: headerOf(answer), roles: answer.roles };
    },
    async delete(name, call) {
      checkText(name, "name");
      checkOptions(tables.delete, call);
      return { header: headerOf(await callUnary(transport, method.roleDelete, { role: name }, call)) };
    },
    async grantPermission(name, type, keys, call) {
      checkText(name, "name");
      const request = { name, perm: encodePermission(type, keys) };
      checkOptions(tables.grantPermission, call);
      return { header: headerOf(await callUnary(transport, method.roleGrantPermission, request, call)) };
    },
    async revokePermission(name, keys, call) {
      checkText(name, "name");
      const { key, rangeEnd } = encodeRevokedKeys(keys);
      checkOptions(tables.revokePermission, call);
      const request = rangeEnd === undefined ? { role: name, key } : { role: name, key, rangeEnd };
      return { header: headerOf(await callUnary(transport, method.roleRevokePermission, request, call)) };
    },
  };
}
