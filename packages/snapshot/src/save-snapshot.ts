import { EtcdError, type ResponseHeader } from "@etcdkit/core";
import { callChecks, checkFunction, checkOptions, optionTable } from "@etcdkit/core/spi";
import type { Maintenance, SnapshotOptions } from "@etcdkit/maintenance";
import { toPath } from "./file-path.js";
import { PartFile } from "./part-file.js";

/** Where snapshots come from: a `Maintenance`. */
export type SnapshotSource = Pick<Maintenance, "snapshot">;

/** How far saving has come. */
export interface SnapshotProgress {
  /** Bytes in the file so far. */
  readonly receivedBytes: number;
  /** Bytes in all. */
  readonly sizeBytes: number;
}

/** Options of {@link saveSnapshot}. `timeoutMs` is for the snapshot as a whole; by default it takes as long as it takes. */
export interface SaveSnapshotOptions extends SnapshotOptions {
  /** Called after each part that was written. What it throws ends the saving. */
  readonly onProgress?: ((progress: SnapshotProgress) => void) | undefined;
}

/** What was saved. */
export interface SavedSnapshot {
  /** That of the member, as far as it sent one; see `Snapshot.header`. */
  readonly header: ResponseHeader;
  /** Version of the database's format, `3.6.0`. Since etcd 3.6. */
  readonly version?: string;
  /** Size of the file in bytes: the database and 32 of SHA-256. */
  readonly sizeBytes: number;
  /** The SHA-256 of the database. */
  readonly digest: Uint8Array;
}

const { idempotent: _, ...streamChecks } = callChecks;
const table = optionTable("saveSnapshot", {
  ...streamChecks,
  endpoint: () => undefined, // the source knows what it can use
  onProgress: checkFunction,
});

/**
 * Saves a snapshot of one member to a file, as `etcdctl snapshot save` does: `etcdutl snapshot restore` takes it.
 *
 * The file appears when the snapshot is complete, its SHA-256 found right and everything on the disk; it replaces what was
 * there. Until then the bytes are in `<file>.part`, which is gone afterwards, also after a failure or an abort. Both have
 * mode 0600, for the file holds every value of the cluster, passwords' hashes included.
 *
 * @param source - `etcd.maintenance`, or what `createMaintenance` made.
 * @param file - Path or `file:` URL. Its folder must exist.
 * @throws `EtcdError` `DATA_LOSS` for a snapshot that lacks bytes or has wrong ones; what `snapshot` rejects with;
 * `options.signal.reason`; Node's own error, with `code` (`ENOSPC`, `ENOENT`, `EACCES`), where the file cannot be written.
 */
export async function saveSnapshot(
  source: SnapshotSource,
  file: string | URL,
  options?: SaveSnapshotOptions,
): Promise<SavedSnapshot> {
  const path = toPath(file);
  checkOptions(table, options);
  const { onProgress, ...asked } = options ?? {};
  asked.signal?.throwIfAborted();
  // Before anything is asked of the member: a place that cannot be written to shows at once.
  await using part = await PartFile.create(path);
  await using snapshot = await source.snapshot(asked);
  const { header, sizeBytes, version } = snapshot;
  for await (const chunk of snapshot) {
    await part.write(chunk);
    onProgress?.({ receivedBytes: snapshot.receivedBytes, sizeBytes });
  }
  const { digest, receivedBytes } = snapshot;
  if (digest === undefined) throw new EtcdError("DATA_LOSS", "the snapshot ended before its digest");
  asked.signal?.throwIfAborted();
  await part.commit();
  return { header, ...(version !== undefined && { version }), sizeBytes: receivedBytes, digest };
}
