/**
 * A prefix in front of every key, put there and taken away where nobody sees it.
 *
 * @packageDocumentation
 */
export { namespaceKv } from "./namespace-kv.js";
export { namespaceLeases } from "./namespace-leases.js";
export { namespaceWatcher } from "./namespace-watcher.js";
export { type Namespaced, type NamespaceServices, withNamespace } from "./with-namespace.js";
