import { compareVersions } from "@etcdkit/testing";

/** From which version on, and up to which (exclusive), servers behave so. */
export interface VersionRange {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** What differs, and why a test has to know. */
  readonly reason: string;
}

/** The lines of {@link versionDifferences}. */
export type VersionDifference =
  | "consistent-txn-reads"
  | "gzip"
  | "range-stream"
  | "request-metric"
  | "sound-reads"
  | "stop-on-defrag"
  | "tls-max-version";

/** All that servers of different versions do differently and that tests take into account. */
export const versionDifferences: Readonly<Record<VersionDifference, VersionRange>> = {
  "consistent-txn-reads": {
    since: "3.7",
    reason:
      "Older members leave out the reads of a transaction that another member was asked for: what that one refuses for the revision of a read, they apply (etcd issue 18667).",
  },
  gzip: {
    since: "3.5",
    reason: "3.4 knows no compression and answers a compressed request with UNIMPLEMENTED.",
  },
  "range-stream": {
    since: "3.7",
    reason: "The RangeStream method came with 3.7; older servers answer UNIMPLEMENTED.",
  },
  "sound-reads": {
    since: "3.5.28",
    reason:
      "Older members may answer a linearizable read from the past after a change of leader. What comes back is theirs: no client can tell.",
  },
  "stop-on-defrag": {
    since: "3.5.14",
    reason:
      "Since then a member can be told to report NOT_SERVING to health checks while it defragments: by a flag in 3.5, by a feature gate from 3.6 on.",
  },
  "request-metric": {
    since: "3.5",
    reason:
      "Servers count requests by the API version that clients claim (etcd_server_client_requests_total).",
  },
  "tls-max-version": {
    since: "3.5.8",
    reason:
      "Since then a member can be told which versions of TLS to speak. Older ones agree on TLS 1.3 with whoever speaks it, and the cipher suites that they are told to use are for TLS 1.2 only.",
  },
};

/** Whether a server of this version behaves as the line says. */
export function behavesSo(version: string, difference: VersionDifference): boolean {
  const { since, until } = versionDifferences[difference];
  const started = since === undefined || compareVersions(version, since) >= 0;
  return started && (until === undefined || compareVersions(version, until) < 0);
}
