export { createWatcher, type WatcherConnection, type WatcherOptions } from "./create-watcher.js";
