import { compareBytes, EtcdError, type KeyOrRange, prefixEnd, type WireRange } from "@etcdkit/core";
import { Permission_Type, type Permission as PermissionMessage } from "@etcdkit/core/protocol";
import { isBytesLike, toBytes, toWireRange } from "@etcdkit/core/spi";

const permissionTypes = ["read", "write", "readwrite"] as const;

/** What a permission allows. */
export type PermissionType = (typeof permissionTypes)[number];

/**
 * The keys of a permission, in the words of `KeyOrRange`: one key, a prefix, or a range. Without `to` there is no upper
 * end.
 */
export type PermittedKeys =
  | Uint8Array
  | { readonly prefix: Uint8Array; readonly from?: undefined; readonly to?: undefined }
  | { readonly from: Uint8Array; readonly to?: Uint8Array | undefined; readonly prefix?: undefined };

/** What a role may do, and with which keys. */
export interface Permission {
  readonly type: PermissionType;
  /** As `roles.revokePermission` takes it. */
  readonly keys: PermittedKeys;
}

const messageTypes: Readonly<Record<PermissionType, Permission_Type>> = {
  read: Permission_Type.READ,
  write: Permission_Type.WRITE,
  readwrite: Permission_Type.READWRITE,
};

/**
 * Reads the name of a permission type in any case, as it may stand in a file or on a command line.
 *
 * @throws `TypeError` for anything but `read`, `write` and `readwrite`.
 */
export function parsePermissionType(name: string): PermissionType {
  const lower = typeof name === "string" ? name.toLowerCase() : undefined;
  const type = permissionTypes.find((known) => known === lower);
  if (type === undefined) throw new TypeError(`permission type must be "read", "write" or "readwrite"`);
  return type;
}

/** The permission as etcd is told of it. */
export function encodePermission(
  type: PermissionType,
  keys: KeyOrRange,
): { permType: Permission_Type; key: Uint8Array; rangeEnd?: Uint8Array } {
  const permType = messageTypes[parsePermissionType(type)];
  checkNotEmpty(keys);
  const { key, rangeEnd } = toWireRange(keys, "keys");
  return rangeEnd === undefined ? { permType, key } : { permType, key, rangeEnd };
}

/**
 * Refuses what would give away every key because a variable is empty, and the empty key, which no server has and which
 * etcd 3.4 alone accepts.
 */
function checkNotEmpty(keys: KeyOrRange): void {
  const [name, start] = startOf(keys);
  if (isBytesLike(start) && start.length === 0) {
    throw new TypeError(`${name} must not be empty: ${String.raw`for every key, say { from: "\0" }`}`);
  }
}

function startOf(keys: KeyOrRange): readonly [name: string, start: unknown] {
  if (typeof keys !== "object" || isBytesLike(keys) || keys === null) return ["keys", keys];
  return keys.prefix === undefined ? ["keys.from", keys.from] : ["keys.prefix", keys.prefix];
}

/**
 * The keys whose permission is revoked, exactly as they were granted: etcd compares bytes. Other clients may have granted
 * "every key" from the empty key on, which etcd tells apart from the same range that begins with a zero byte.
 */
export function encodeRevokedKeys(keys: KeyOrRange): WireRange {
  const wire = toWireRange(keys, "keys");
  return !isBytesLike(keys) && keys.from?.length === 0 ? { ...wire, key: toBytes("", "keys.from") } : wire;
}

/**
 * The permission as callers see it.
 *
 * @throws `EtcdError` `PROTOCOL` for a type that etcd does not have.
 */
export function decodePermission({ permType, key, rangeEnd }: PermissionMessage): Permission {
  const type = permissionTypes.find((known) => messageTypes[known] === permType);
  if (type === undefined) {
    throw new EtcdError("PROTOCOL", `the server sent a permission of the unknown type ${permType}`);
  }
  return { type, keys: decodeKeys(key, rangeEnd) };
}

function decodeKeys(key: Uint8Array, rangeEnd: Uint8Array): PermittedKeys {
  if (rangeEnd.length === 0) return key;
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from: key };
  return compareBytes(rangeEnd, prefixEnd(key)) === 0 ? { prefix: key } : { from: key, to: rangeEnd };
}
