import type { CallOptions, Connection, ResponseHeader } from "@etcdkit/core";
import { Auth } from "@etcdkit/core/protocol";
import {
  type Check,
  callChecks,
  callOf,
  callUnary,
  checkFlag,
  checkOptions,
  headerOf,
  optionTable,
} from "@etcdkit/core/spi";
import type { AuthResult } from "./auth.js";
import { checkText } from "./check-text.js";

/** Options of {@link Users.add}: either a password, or that there is none. */
export type AddUserOptions = CallOptions &
  (
    | { readonly password: string; readonly noPassword?: false | undefined }
    | {
        /**
         * Makes a user who cannot log in with a password, only be named by the common name of a TLS client certificate, on
         * servers started with `--client-cert-auth`. A password that it is given later does not change that.
         */
        readonly noPassword: true;
        readonly password?: undefined;
      }
  );

/** A user. */
export interface UserResult {
  readonly header: ResponseHeader;
  /** Names of the roles that the user has. */
  readonly roles: readonly string[];
}

/** All users. */
export interface UserListResult {
  readonly header: ResponseHeader;
  /** Their names. */
  readonly users: readonly string[];
}

/**
 * The users of a cluster. Once authentication is enabled, only users with the role `root` may call this, except
 * {@link Users.get}.
 *
 * Methods reject with `EtcdError`: `USER_NOT_FOUND`, `ROLE_NOT_FOUND`, `PERMISSION_DENIED` and `USER_EMPTY` (nobody is
 * logged in) are possible for all that are given such names; further codes stand with each.
 */
export interface Users {
  /**
   * Adds a user without roles: it may do nothing yet.
   *
   * @throws `EtcdError` `USER_ALREADY_EXIST`; `USER_EMPTY` also for an empty name. `TypeError` when neither a password nor
   * `noPassword` is given.
   */
  add(name: string, options: AddUserOptions): Promise<AuthResult>;
  /** Tells the roles of a user. A user may ask this about itself. */
  get(name: string, call?: CallOptions): Promise<UserResult>;
  /** Lists all users. */
  list(call?: CallOptions): Promise<UserListResult>;
  /**
   * Deletes a user; its tokens are worth nothing from then on.
   *
   * @throws `EtcdError` `INVALID_AUTH_MGMT` for `root` while authentication is enabled.
   */
  delete(name: string, call?: CallOptions): Promise<AuthResult>;
  /** Changes the password of a user; tokens that were fetched with the old one are worth nothing from then on. */
  changePassword(name: string, password: string, call?: CallOptions): Promise<AuthResult>;
  /** Gives a user a role, with all its permissions, those that the role gets later included. */
  grantRole(name: string, role: string, call?: CallOptions): Promise<AuthResult>;
  /**
   * Takes a role from a user.
   *
   * @throws `EtcdError` `ROLE_NOT_GRANTED` when the user does not have it, `INVALID_AUTH_MGMT` for the role `root` of
   * `root` while authentication is enabled.
   */
  revokeRole(name: string, role: string, call?: CallOptions): Promise<AuthResult>;
}

const addChecks: Record<"password" | "noPassword", Check> = { password: checkText, noPassword: checkFlag };

const tables = {
  add: optionTable("users.add", { ...addChecks, ...callChecks }),
  get: optionTable("users.get", callChecks),
  list: optionTable("users.list", callChecks),
  delete: optionTable("users.delete", callChecks),
  changePassword: optionTable("users.changePassword", callChecks),
  grantRole: optionTable("users.grantRole", callChecks),
  revokeRole: optionTable("users.revokeRole", callChecks),
};

/** The users of a cluster, over a transport. */
export function createUsers({ transport }: Pick<Connection, "transport">): Users {
  const { method } = Auth;
  return {
    async add(name, options) {
      checkText(name, "name");
      checkOptions(tables.add, options);
      const { password, noPassword = false } = options ?? {};
      if (!noPassword && password === undefined)
        throw new TypeError("options must have a password or noPassword");
      if (noPassword && password !== undefined)
        throw new TypeError("password and noPassword exclude each other");
      const request = { name, password: password ?? "", options: { noPassword } };
      return { header: headerOf(await callUnary(transport, method.userAdd, request, callOf(options))) };
    },
    async get(name, call) {
      checkText(name, "name");
      checkOptions(tables.get, call);
      const answer = await callUnary(transport, method.userGet, { name }, call);
      return { header: headerOf(answer), roles: answer.roles };
    },
    async list(call) {
      checkOptions(tables.list, call);
      const answer = await callUnary(transport, method.userList, {}, call);
      return { header: headerOf(answer), users: answer.users };
    },
    async delete(name, call) {
      checkText(name, "name");
      checkOptions(tables.delete, call);
      return { header: headerOf(await callUnary(transport, method.userDelete, { name }, call)) };
    },
    async changePassword(name, password, call) {
      checkText(name, "name");
      checkText(password, "password");
      checkOptions(tables.changePassword, call);
      const request = { name, password };
      return { header: headerOf(await callUnary(transport, method.userChangePassword, request, call)) };
    },
    async grantRole(name, role, call) {
      checkText(name, "name");
      checkText(role, "role");
      checkOptions(tables.grantRole, call);
      const request = { user: name, role };
      return { header: headerOf(await callUnary(transport, method.userGrantRole, request, call)) };
    },
    async revokeRole(name, role, call) {
      checkText(name, "name");
      checkText(role, "role");
      checkOptions(tables.revokeRole, call);
      return { header: headerOf(await callUnary(transport, method.userRevokeRole, { name, role }, call)) };
    },
  };
}
