import { describe, expect, it } from "vitest";
import { type JournalEntry, truthOf } from "./journal.js";
import { documentKey, type Hold, type Kind, nameOf, type Protection } from "./messages.js";
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
    return this.#add(documentKey("lock", false, protection), false, JSON.stringify({ token, after }));
  }

  /** Somebody queues for the read-write lock. */
  ask(how: "read" | "write", who: string): string {
    return this.#add(`${nameOf["rw-lock"]}/${how}/${who}`, false);
  }

  end(how: "read" | "write", who: string): void {
    this.#add(`${nameOf["rw-lock"]}/${how}/${who}`, true);
  }

  note(how: "read" | "write", token: string, after: string): string {
    const key = documentKey("rw-lock", how === "read", "guarded");
    return this.#add(key, false, JSON.stringify({ token, after }));
  }
}

const hold = (token: string, fromMs: number, untilMs: number, more: Partial<Hold> = {}): Hold => ({
  kind: "lock",
  shared: false,
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

function judge(
  story: Story,
  holds: readonly Hold[],
  revoked: readonly string[] = [],
  kind: Kind = "lock",
): Figures {
  const figures = figuresOf(truthOf(story.entries), holds, new Set(revoked)).find((one) => one.kind === kind);
  if (figures === undefined) throw new Error(`no figures of ${kind}`);
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
      shared: 0,
      mostTogether: 0,
      phantoms: 0,
      outOfOrder: 0,
      overlapMs: 0,
      actionOverlapMs: 0,
      promptOverlapMs: 0,
      beliefAfterEndMs: 0,
      orphanMs: 0,
      violations: { guarded: 0, compared: 0, control: 0 },
      writes: { guarded: 2, compared: 0, control: 1 },
      sharedWrites: { guarded: 0, compared: 0, control: 0 },
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

  describe("of a read-write lock", () => {
    const reads = (token: string, fromMs: number, untilMs: number, more: Partial<Hold> = {}): Hold =>
      hold(token, fromMs, untilMs, { kind: "rw-lock", shared: true, ...more });
    const writes = (token: string, fromMs: number, untilMs: number, more: Partial<Hold> = {}): Hold =>
      hold(token, fromMs, untilMs, { kind: "rw-lock", ...more });
    const judgeRw = (story: Story, holds: readonly Hold[]): Figures => judge(story, holds, [], "rw-lock");

    /** Two readers, a writer behind them, and a reader behind that one. */
    function queued(): { readonly story: Story; readonly tokens: readonly [string, string, string, string] } {
      const story = new Story();
      const [a, b] = [story.ask("read", "a"), story.ask("read", "b")];
      return { story, tokens: [a, b, story.ask("write", "c"), story.ask("read", "d")] };
    }

    it("finds nothing wrong with readers that share, in whichever order they are told", () => {
      const { story, tokens } = queued();
      const [a, b, c, d] = tokens;
      story.note("read", a, "0"); // 5
      story.note("read", b, "0");
      story.end("read", "a"); // 7
      story.note("read", b, "0");
      story.end("read", "b"); // 9
      const left = story.note("write", c, "0");
      story.end("write", "c"); // 11
      story.note("read", d, left);
      const holds = [reads(a, 4.5, 6.5), reads(b, 4.25, 8), writes(c, 9.5, 10.5), reads(d, 11.5, 20)];
      expect(judgeRw(story, holds)).toMatchObject({
        acquisitions: 4,
        shared: 3,
        mostTogether: 2,
        phantoms: 0,
        outOfOrder: 0,
        overlapMs: 0,
        actionOverlapMs: 0,
        beliefAfterEndMs: 0,
        orphanMs: 3.5, // the first reader's, who asked at 1
        violations: { guarded: 0, compared: 0, control: 0 },
        writes: { guarded: 5, compared: 0, control: 0 },
        sharedWrites: { guarded: 4, compared: 0, control: 0 },
      });
    });

    it("finds what readers and writers write beside each other", () => {
      const { story, tokens } = queued();
      const [a, b, c, d] = tokens;
      story.note("read", d, "0"); // a writer is before it
      const early = story.note("write", c, "0"); // readers are
      story.note("read", a, "0"); // what it read was written anew
      story.note("write", b, early); // a reader must not
      story.end("read", "a");
      story.end("read", "b");
      story.note("read", a, "10"); // its key is gone
      expect(judgeRw(story, []).violations.guarded).toBe(5);
    });

    it("measures for how long a writer believed beside anybody, and not readers beside each other", () => {
      const { story, tokens } = queued();
      const [a, b, c, d] = tokens;
      expect(judgeRw(story, [reads(a, 1, 5), reads(b, 2, 6)]).overlapMs).toBe(0);
      expect(judgeRw(story, [reads(a, 1, 5), reads(b, 2, 3), writes(c, 4, 9)]).overlapMs).toBe(1);
      expect(judgeRw(story, [writes(c, 4, 9), reads(d, 8, 9.5)]).overlapMs).toBe(1);
      // Also beside the reader that came before the last.
      expect(judgeRw(story, [reads(a, 1, 5), reads(b, 2, 3), writes(c, 4.5, 9)]).overlapMs).toBe(0.5);
      const late = judgeRw(story, [reads(a, 1, 3, { actedUs: 6_000 }), writes(c, 4, 9)]);
      expect([late.overlapMs, late.actionOverlapMs]).toEqual([0, 2]);
    });

    it("finds readers and writers that were let in before their turn", () => {
      const { story, tokens } = queued();
      const [a, b, c, d] = tokens;
      expect(judgeRw(story, [reads(d, 1, 2), writes(c, 3, 4)])).toMatchObject({ outOfOrder: 1, phantoms: 2 });
      expect(judgeRw(story, [writes(c, 1, 2), reads(a, 3, 4), reads(b, 3, 4)]).outOfOrder).toBe(2);
    });
  });
});
