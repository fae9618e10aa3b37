import type { CallOptions, ResponseHeader } from "@etcdkit/core";
import type { Roles } from "./roles.js";
import type { Users } from "./users.js";

/** Answer to a change of users, roles or authentication. It makes no new revision of the store. */
export interface AuthResult {
  readonly header: ResponseHeader;
}

/** State of a cluster's authentication. */
export interface AuthStatusResult {
  readonly header: ResponseHeader;
  /** Whether calls are asked who makes them. */
  readonly enabled: boolean;
  /** Counts the changes to users and roles. A JWT that is signed elsewhere has to carry it. */
  readonly authRevision: bigint;
}

/**
 * Who may do what in a cluster (etcd's service `Auth`).
 *
 * A *role* is a name for permissions to read or write keys, a *user* has roles. While authentication is disabled all of it
 * can be set up by anybody; once it is enabled, by users with the role `root` only. Source: etcd's
 * api/etcdserverpb/rpc.proto.
 */
export interface Auth {
  readonly users: Users;
  readonly roles: Roles;
  /**
   * Turns authentication on. From then on calls without credentials are refused with `USER_EMPTY`, those of this
   * connection included.
   *
   * @throws `EtcdError` `ROOT_USER_NOT_EXIST` or `ROOT_ROLE_NOT_EXIST` as long as there is no user `root` with the role
   * `root`: nobody could turn it off again.
   */
  enable(call?: CallOptions): Promise<AuthResult>;
  /** Turns authentication off. Users and roles stay. Connections with credentials go on, nobody asks for them any more. */
  disable(call?: CallOptions): Promise<AuthResult>;
  /**
   * Tells whether authentication is on.
   *
   * @throws `EtcdError` `UNIMPLEMENTED` on etcd 3.4; `USER_EMPTY` on 3.5 and 3.6 when it is on and nobody is logged in.
   */
  status(call?: CallOptions): Promise<AuthStatusResult>;
  /**
   * Exchanges a password for a token, which `credentials: { token }` of another connection takes. Connections that are
   * given user name and password do this by themselves; calling it is also the way to check a password.
   *
   * @throws `EtcdError` `AUTH_FAILED` when user and password do not match, `NO_PASSWORD_USER` for a user without one,
   * `AUTH_NOT_ENABLED`.
   */
  authenticate(name: string, password: string, call?: CallOptions): Promise<string>;
}
