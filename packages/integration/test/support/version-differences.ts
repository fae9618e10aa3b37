import { compareVersions } from "@etcdkit/testing";

/** From which version on, and up to which (exclusive), servers behave so. */
export interface VersionRange {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** What differs, and why a test has to know. */
  readonly reason: string;
}

/** The lines of {@link versionDifferences}. */
export type VersionDifference = "consistent-txn-reads" | "range-stream" | "stop-on-defrag";

/** All that servers of different versions do differently and that tests take into account. */
export const versionDifferences: Readonly<Record<VersionDifference, VersionRange>> = {
  "consistent-txn-reads": {
    since: "3.7",
    reason:
      "Older members leave out the reads of a transaction that another member was asked for: what that one refuses for the revision of a read, they apply (etcd issue 18667).",
  },
  "range-stream": {
    since: "3.7",
    reason: "The RangeStream method came with 3.7; older servers answer UNIMPLEMENTED.",
  },
  "stop-on-defrag": {
    since: "3.5.11",
    reason:
      "Reporting NOT_SERVING to health checks while a member defragments came with 3.6 and went back into 3.5.11 and 3.4.29.",
  },
};

/** Whether a server of this version behaves as the line says. */
export function behavesSo(version: string, difference: VersionDifference): boolean {
  const { since, until } = versionDifferences[difference];
  const started = since === undefined || compareVersions(version, since) >= 0;
  return started && (until === undefined || compareVersions(version, until) < 0);
}
