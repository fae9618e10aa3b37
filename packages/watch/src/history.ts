import { ClusterChangedError, HistoryReplacedError, type ResponseHeader } from "@etcdkit/core";

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
    // A header that was not sent is all zeros.
    if (clusterId !== 0n) {
      if (this.#clusterId !== 0n && clusterId !== this.#clusterId) {
        throw new ClusterChangedError(this.#clusterId, clusterId);
      }
      this.#clusterId = clusterId;
    }
    if (revision > this.#seen) this.#seen = revision;
  }

  /** Whether the member that answers knows less than was seen: it lags behind, or the store went back. */
  isAhead({ revision }: ResponseHeader): boolean {
    return revision !== 0n && revision < this.#seen;
  }

  /**
   * Decides between the two by a linearizable answer, which is never behind what was seen.
   *
   * @throws `HistoryReplacedError`, `ClusterChangedError`
   */
  settle(header: ResponseHeader): void {
    this.note(header);
    if (this.isAhead(header)) throw new HistoryReplacedError(this.#seen, header.revision);
  }
}
