import type { Transport } from "@connectrpc/connect";
import type { CallOptions } from "../call-options.js";
import { EtcdError } from "../errors/etcd-error.js";
import { Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { clientApiVersion } from "./call-headers.js";

// Minor releases of etcd in order; the next after the last 3.x is 4.0.
const releases = ["3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "4.0"];

/** The oldest release that a client of this release accepts: the one before it; the very first accepts itself. */
export function oldestAccepted(release: string): string {
  const index = releases.indexOf(release);
  if (index < 0) throw new RangeError(`release: ${JSON.stringify(release)} is not a minor release of etcd`);
  return releases[Math.max(index - 1, 0)] ?? release;
}

/** Whether a server version such as `3.6.14` is older than the oldest accepted release. */
export function isTooOld(version: string, oldest: string): boolean | undefined {
  const parts = /^(\d+)\.(\d+)\./.exec(`${version}.`);
  if (parts === null) return undefined;
  const [major = 0, minor = 0] = oldest.split(".").map(Number);
  return Number(parts[1]) < major || (Number(parts[1]) === major && Number(parts[2]) < minor);
}

/**
 * Asks every member for its version at once.
 *
 * @throws {@link EtcdError} `OLD_CLUSTER` when one is older than the release before this client's, `PROTOCOL` for a
 * version that cannot be read, or what a call rejects with. The first error decides.
 * @param onAnswer - Told of each member whose answer is there.
 */
export async function checkClusterVersion(
  members: ReadonlyMap<string, Transport>,
  call: Pick<CallOptions, "signal" | "timeoutMs">,
  onAnswer: (url: string) => void,
): Promise<void> {
  const oldest = oldestAccepted(clientApiVersion);
  await Promise.all(
    [...members].map(async ([url, member]) => {
      const { status } = Maintenance.method;
      const answer = await member.unary(status, call.signal, call.timeoutMs, undefined, {});
      onAnswer(url);
      const { version } = answer.message;
      const tooOld = isTooOld(version, oldest);
      if (tooOld === undefined) {
        throw new EtcdError("PROTOCOL", `${url} reports a version that cannot be read`, { endpoint: url });
      }
      if (tooOld) {
        const message = `${url} runs etcd ${version}; this client accepts ${oldest} and later (rejectOldCluster)`;
        throw new EtcdError("OLD_CLUSTER", message, { endpoint: url });
      }
    }),
  );
}
