import { compareVersions } from "@etcdkit/testing";

/** From which version on, and up to which (exclusive), servers behave so. */
export interface VersionRange {
  /** Of a change that older minor releases got later, the first release of each of them, ascending. */
  readonly since?: string | readonly string[] | undefined;
  readonly until?: string | undefined;
  /** What differs, and why a test has to know. */
  readonly reason: string;
}

/** The lines of {@link versionDifferences}. */
export type VersionDifference =
  | "admission-checks"
  | "auth-status"
  | "clean-shutdown"
  | "consistent-txn-reads"
  | "downgrade"
  | "downgrade-answers"
  | "gzip"
  | "lease-permissions"
  | "health-list"
  | "learner-snapshot"
  | "log-in-for-status"
  | "maintenance-details"
  | "learners-that-move"
  | "linearizable-member-list"
  | "nested-txn-permissions"
  | "open-auth-status"
  | "progress-in-step"
  | "range-stream"
  | "refused-negative-start"
  | "request-metric"
  | "root-permission"
  | "sound-range-permission"
  | "sound-reads"
  | "sound-watches"
  | "stop-on-defrag"
  | "tls-max-version"
  | "tombstone-at-compaction"
  | "txn-put-permissions";

/** All that servers of different versions do differently and that tests take into account. */
export const versionDifferences: Readonly<Record<VersionDifference, VersionRange>> = {
  "consistent-txn-reads": {
    since: "3.7",
    reason:
      "Older members leave out the reads of a transaction that another member was asked for: what that one refuses for the revision of a read, they apply (etcd issue 18667).",
  },
  "clean-shutdown": {
    since: "3.6",
    reason:
      "Older members that are asked to stop may reset a link on which something has just come: what they said last is lost then, and with it that they have not looked at it (grpc-go issue 5358).",
  },
  downgrade: {
    since: "3.5",
    reason: "The Downgrade method came with 3.5; older servers answer UNIMPLEMENTED.",
  },
  "downgrade-answers": {
    since: "3.6",
    reason:
      "3.5 begins and calls off downgrades but never confirms either, so that both end in a timeout; it alone refuses to call off one that was not begun.",
  },
  gzip: {
    since: "3.5",
    reason: "3.4 knows no compression and answers a compressed request with UNIMPLEMENTED.",
  },
  "health-list": {
    since: "3.5.28",
    reason:
      "The List method of the health service came with a release of the gRPC library that 3.5.28 and 3.6.9 took over; others answer UNIMPLEMENTED.",
  },
  "learner-snapshot": {
    since: "3.5",
    reason: "Older learners refuse to send a snapshot, as they refuse most calls.",
  },
  "log-in-for-status": {
    since: "3.5.28",
    reason:
      "Older members tell their status and their alarms to everybody. From 3.5.28, 3.6.12 and 3.7.0 on they ask for a user, and before in 3.6 for the status even for root.",
  },
  "maintenance-details": {
    since: "3.6",
    reason:
      "Since then status tells of storage version, quota and downgrade, hashes of their revision and snapshots of their version.",
  },
  "progress-in-step": {
    since: "3.5.8",
    reason:
      "Older members announce progress of a watch before they have sent the events that it covers (etcd issue 15220).",
  },
  "lease-permissions": {
    since: "3.5.33",
    reason:
      "Older members, some of them patch releases of 3.5 and 3.6, renew, list and describe leases for everybody, also without a log-in. Revoking one and tying a key to one they check.",
  },
  "range-stream": {
    since: "3.7",
    reason: "The RangeStream method came with 3.7; older servers answer UNIMPLEMENTED.",
  },
  "sound-range-permission": {
    since: "3.5.33",
    reason: "Older members let whoever may read some keys watch every key from one of them on.",
  },
  "sound-reads": {
    since: "3.5.28",
    reason:
      "Older members may answer a linearizable read from the past after a change of leader. What comes back is theirs: no client can tell.",
  },
  "sound-watches": {
    since: ["3.4.31", "3.5.13"],
    reason:
      "Older members repeat events (until 3.4.24 and 3.5.8) or lose some for a watch that is catching up. What is missing was never sent: no client can tell.",
  },
  "stop-on-defrag": {
    since: "3.5.14",
    reason:
      "Since then a member can be told to report NOT_SERVING to health checks while it defragments: by a flag in 3.5, by a feature gate from 3.6 on.",
  },
  "refused-negative-start": {
    since: "3.5.24",
    reason: "Older members take a watch from a revision below 0, and treat it as one from the future.",
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
  "tombstone-at-compaction": {
    since: "3.5.18",
    reason:
      "Older members lose a deletion at the very revision of a compaction: a watch from there on does not see it (etcd issue 18089).",
  },
  "auth-status": {
    since: "3.5",
    reason: "The AuthStatus method came with 3.5; older servers answer UNIMPLEMENTED.",
  },
  "admission-checks": {
    since: ["3.4.42", "3.5.28", "3.6.9"],
    reason:
      "Older servers let everybody compact and list the members, although authentication is enabled (CVE-2026-33413).",
  },
  "learners-that-move": {
    since: ["3.5.31", "3.6.12"],
    reason:
      "Older servers list a learner as a voter once its URLs were changed, and can never promote it then (etcd issue 21694).",
  },
  "linearizable-member-list": {
    since: "3.5",
    reason: "Older members answer a call for the member list by themselves, with or without a majority.",
  },
  "nested-txn-permissions": {
    since: ["3.4.42", "3.5.28", "3.6.9"],
    reason:
      "Older servers ask for no permission for the operations of a transaction inside another: whoever may log in reads and writes every key (CVE-2026-33343).",
  },
  "open-auth-status": {
    since: "3.7",
    reason: "Since then everybody may ask whether authentication is enabled.",
  },
  "root-permission": {
    since: "3.6",
    reason:
      "Since then the role root has the permission that it is in effect: every key. Before, it told of what it was granted, which meant nothing.",
  },
  "txn-put-permissions": {
    since: ["3.4.44", "3.5.30", "3.6.11"],
    reason:
      "Older servers let a put in a transaction answer with the previous value of a key that the user may write and not read, and tie its key to a lease with keys that the user may not write (CVE-2026-44283).",
  },
};

/** Whether a server of this version behaves as the line says. */
export function behavesSo(version: string, difference: VersionDifference): boolean {
  const { since, until } = versionDifferences[difference];
  const atLeast = (other: string): boolean => compareVersions(version, other) >= 0;
  return (
    (since === undefined || hasCome(version, [since].flat())) && (until === undefined || !atLeast(until))
  );
}

/** Whether a version is not before that release of its own minor, or is of a minor after all of them. */
function hasCome(version: string, releases: readonly string[]): boolean {
  const minor = (of: string): string => of.split(".", 2).join(".");
  const own = releases.find((release) => minor(release) === minor(version)) ?? releases.at(-1) ?? version;
  return compareVersions(version, own) >= 0;
}
