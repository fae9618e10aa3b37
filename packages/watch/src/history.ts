import { ClusterChangedError, HistoryReplacedError, isEtcdError, type ResponseHeader } from "@etcdkit/core";
import { kindOfFailure } from "./failure-judge.js";

/**
 * What a stream has seen of the store, to notice after a reconnect that another one answers, or the same one restored to an
 * earlier state. The id of a cluster tells the former only, so the latter takes a look at the revision.
 */
export class History {
  #clusterId = 0n;
  #seen = 0n;

  /**
   * Takes note of an answer.
   *
   * @throws `ClusterChangedError`
   */
  note({ clusterId, revision }: ResponseHeader): void {
    // A header that was not sent is all zeros; one that etcd's gRPC proxy has made up has a revision that means nothing.
    if (clusterId === 0n) return;
    if (this.#clusterId !== 0n && clusterId !== this.#clusterId) {
      throw new ClusterChangedError(this.#clusterId, clusterId);
    }
    this.#clusterId = clusterId;
    if (revision > this.#seen) this.#seen = revision;
  }

  /**
   * Makes sure, by the first answer of a call, that it speaks to the store that was watched. A member that knows less than
   * was seen either lags behind or was restored to an earlier state: a linearizable read is never behind what was seen, so
   * it tells which.
   *
   * @param read - Makes such a read. One that is refused to this user says nothing, and the watch will be refused as well.
   * @throws `HistoryReplacedError`, `ClusterChangedError`; what else the read rejects with.
   */
  async verify(header: ResponseHeader, read: () => Promise<ResponseHeader>): Promise<void> {
    if (!this.#isAheadOf(header)) return;
    let now: ResponseHeader;
    try {
      now = await read();
    } catch (error) {
      if (isEtcdError(error) && kindOfFailure(error) === "token") return;
      throw error;
    }
    this.note(now);
    if (this.#isAheadOf(now)) throw new HistoryReplacedError(this.#seen, now.revision);
  }

  #isAheadOf({ revision }: ResponseHeader): boolean {
    return revision !== 0n && revision < this.#seen;
  }
}
