/**
 * The whole etcdkit family in one import.
 *
 * @packageDocumentation
 */
export * from "@etcdkit/auth";
export * from "@etcdkit/cluster";
export * from "@etcdkit/concurrency";
export { ConfigError, type SettingOrigin } from "@etcdkit/config/env";
export * from "@etcdkit/core";
export * from "@etcdkit/kv";
export * from "@etcdkit/lease";
export * from "@etcdkit/leasing";
export * from "@etcdkit/maintenance";
export * from "@etcdkit/namespace";
export * from "@etcdkit/ordering";
export * from "@etcdkit/recipes";
export * from "@etcdkit/watch";
export { createEtcd, type Etcd } from "./create-etcd.js";
export { createEtcdFromEnv } from "./create-etcd-from-env.js";
