export type { Auth, AuthResult, AuthStatusResult } from "./auth.js";
export { createAuth } from "./create-auth.js";
export {
  type Permission,
  type PermissionType,
  type PermittedKeys,
  parsePermissionType,
} from "./permission.js";
export type { RoleListResult, RoleResult, Roles } from "./roles.js";
export type { AddUserOptions, UserListResult, UserResult, Users } from "./users.js";
