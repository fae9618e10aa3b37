import { describe, expect, it } from "vitest";
import { type JournalEntry, truthOf } from "./journal.js";
import { documentKey, type Hold, nameOf, type Protection } from "./messages.js";
import { type Figures, figuresOf } from "./verdict.js";

/** A journal, written by hand: each entry is a revision later than the one before, and seen a millisecond later. */
class Story {
  readonly entries: JournalEntry[] = [];
  readonly #created = new Map<string, bigint>();

  #add(key: string, deleted: boolean, value = ""): string {
    const modRevision = BigInt(this.entries.length + 1);
    const createRevision = this.#created.get(key) ?? modRevision;
    if (deleted) this.#created.delete(key);
    else this.#created.set(key, createRevision);
    this.entries.push({
      deleted,
      key,
      value: new TextEncoder().encode(value),
      createRevision: deleted ? 0n : createRevision,
      modRevision,
      seenUs: Number(modRevision) * 1_000,
    });
    return modRevision.toString();
  }

  /** Somebody queues: the answer is the token. */
  queue(who: string): string {
    return this.#add(`${nameOf.lock}/${who}`, false);
  }

  leave(who: string): void {
    this.#add(`${nameOf.lock}/${who}`, true);
  }

  write(protection: Protection, token: string, after: string): string {
    return this.#add(documentKey("lock", protection), false, JSON.stringify({ token, after }));
  }
}

const hold = (token: string, fromMs: number, untilMs: number, more: Partial<Hold> = {}): Hold => ({
  kind: "lock",
  worker: 0,
  token,
  leaseId: token,
  acquiredUs: fromMs * 1_000,
  heldUs: untilMs * 1_000,
  agreedUs: undefined,
  actedUs: undefined,
  lostUs: undefined,
  ...more,
});

function judge(story: Story, holds: readonly Hold[], revoked: readonly string[] = []): Figures {
  const figures = figuresOf(truthOf(story.entries), holds, new Set(revoked)).find(
    ({ kind }) => kind === "lock",
  );
  if (figures === undefined) throw new Error("no figures of the lock");
  return figures;
}

/** Two that hold one after the other, and write what is theirs. */
function orderly(): { readonly story: Story; readonly a: string; readonly b: string } {
  const story = new Story();
  const a = story.queue("a"); // 1
  const b = story.queue("b"); // 2
  const first = story.write("guarded", a, "0"); // 3
  story.write("control", a, "0"); // 4
  story.leave("a"); // 5
  story.write("guarded", b, first); // 6
  story.leave("b"); // 7
  return { story, a, b };
}

describe("the verdict", () => {
  it("finds nothing wrong with those who hold one after the other", () => {
    const { story, a, b } = orderly();
    expect(judge(story, [hold(a, 1, 4), hold(b, 5, 6.5)])).toEqual({
      kind: "lock",
      acquisitions: 2,
      phantoms: 0,
      outOfOrder: 0,
      overlapMs: 0,
      actionOverlapMs: 0,
      promptOverlapMs: 0,
      beliefAfterEndMs: 0,
      orphanMs: 0,
      violations: { guarded: 0, compared: 0, control: 0 },
      writes: { guarded: 2, compared: 0, control: 1 },
    });
  });

  it("finds writes of somebody who did not hold, before and after and with nobody holding", () => {
    const story = new Story();
    const a = story.queue("a");
    const b = story.queue("b");
    let last = story.write("guarded", b, "0");
    story.leave("a");
    last = story.write("guarded", a, last);
    last = story.write("guarded", b, last); // this one may
    story.leave("b");
    story.write("guarded", b, last);
    story.write("control", b, "0");
    expect(judge(story, []).violations).toEqual({ guarded: 3, compared: 0, control: 1 });
  });

  it("finds a write over what its writer had not read", () => {
    const story = new Story();
    const a = story.queue("a");
    story.write("compared", a, "0");
    story.write("compared", a, "0");
    expect(judge(story, []).violations.compared).toBe(1);
  });

  it("measures how long two believed at once, and how long after that one has begun to act", () => {
    const { story, a, b } = orderly();
    expect(judge(story, [hold(b, 5, 6.5), hold(a, 1, 5.75)]).overlapMs).toBe(0.75);
    const late = judge(story, [hold(a, 1, 4, { actedUs: 6_250 }), hold(b, 5, 6.5)]);
    expect([late.overlapMs, late.actionOverlapMs, late.promptOverlapMs]).toEqual([0, 1.25, 1.25]);
    const paused = hold(a, 1, 4, { agreedUs: 3_000, actedUs: 103_001 });
    const slow = judge(story, [paused, hold(b, 5, 6.5)]);
    expect([slow.actionOverlapMs, slow.promptOverlapMs]).toEqual([1.5, 0]);
    // Within another's: no longer than it was.
    expect(judge(story, [hold(a, 1, 20), hold(b, 5, 6)]).overlapMs).toBe(1);
  });

  it("finds those who were told to hold, and never did or no longer", () => {
    const { story, a, b } = orderly();
    expect(judge(story, [hold("99", 1, 4)]).phantoms).toBe(1);
    expect(judge(story, [hold(a, 5.5, 6), hold(b, 6.5, 6.75)]).phantoms).toBe(1);
    // A lease that is revoked from outside ends under its holder.
    expect(judge(story, [hold(a, 5.5, 6)], [a]).phantoms).toBe(0);
  });

  it("measures for how long a holder believed in a key that was gone", () => {
    const { story, a } = orderly();
    expect(judge(story, [hold(a, 1, 5.5)]).beliefAfterEndMs).toBe(0.5);
    expect(judge(story, [hold(a, 1, 5.5)], [a]).beliefAfterEndMs).toBe(0);
  });

  it("finds those who were let in before their turn", () => {
    const { story, a, b } = orderly();
    expect(judge(story, [hold(b, 1, 2), hold(a, 3, 4)]).outOfOrder).toBe(1);
  });

  it("counts nobody who was handed what was lost on the way", () => {
    const { story, a } = orderly();
    expect(judge(story, [hold(a, 10, 11, { heldUs: undefined })])).toMatchObject({
      acquisitions: 0,
      phantoms: 0,
    });
  });

  it("measures for how long nobody knew that it was his turn", () => {
    const { story, a, b } = orderly();
    expect(judge(story, [hold(a, 1, 4), hold(b, 6.5, 6.75)]).orphanMs).toBe(1.5);
    expect(judge(story, [hold(a, 1, 4)]).orphanMs).toBe(2);
  });
});
