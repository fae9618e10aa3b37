import type { Event } from "@etcdkit/core";

/**
 * Puts the parts of an answer together again (`fragment`). A part may end in the middle of a revision; what comes out is
 * whole revisions, as soon as they are whole, so that an answer of any size takes no more room than its largest revision.
 */
export class RevisionAssembly {
  #rest: Event[] = [];

  /**
   * Takes a part.
   *
   * @param more - Whether parts of the same answer follow.
   * @returns The events of the revisions that are whole now.
   */
  add(events: readonly Event[], more: boolean): readonly Event[] {
    const all = this.#rest.length === 0 ? events : [...this.#rest, ...events];
    const whole = more ? startOfLastRevision(all) : all.length;
    this.#rest = all.slice(whole);
    return whole === all.length ? all : all.slice(0, whole);
  }
}

function startOfLastRevision(events: readonly Event[]): number {
  const last = events.at(-1)?.kv?.modRevision;
  let start = events.length;
  while (start > 0 && events[start - 1]?.kv?.modRevision === last) start--;
  return start;
}
