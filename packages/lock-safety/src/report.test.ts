import { describe, expect, it } from "vitest";
import type { DocumentWrite, Reign } from "./journal.js";
import { type Hold, type Kind, kinds } from "./messages.js";
import { reportOf } from "./report.js";
import type { Recording } from "./run.js";

const pausesFromUs = 1_000_000;

/** Ten holds of each kind, half of them before the pauses, one after the other. */
function holdsOf(kind: Kind): Hold[] {
  return Array.from({ length: 10 }, (_, index) => {
    const acquiredUs = 500_000 + index * 100_000;
    const token = String(index + 1);
    const end = {
      heldUs: acquiredUs + 50_000,
      agreedUs: acquiredUs,
      actedUs: acquiredUs + 40_000,
      lostUs: undefined,
    };
    return { kind, worker: 0, token, leaseId: `${kind}${token}`, acquiredUs, ...end };
  });
}

const holds = kinds.flatMap(holdsOf);
const reigns: Reign[] = holds.map(({ kind, token, acquiredUs }) => ({
  kind,
  token,
  sinceUs: acquiredUs,
  untilUs: acquiredUs + 60_000,
}));
const violation: DocumentWrite = {
  kind: "lock",
  protection: "control",
  revision: 5n,
  owner: "2",
  writer: "1",
  after: "0",
  before: "0",
};

/** A run in which all is well, but for what is said to be otherwise. */
function recording(
  otherwise: Partial<Recording> & { readonly writesSeen?: readonly DocumentWrite[] } = {},
): Recording {
  const { writesSeen = [violation], ...rest } = otherwise;
  const counts = { acknowledged: 9, refused: 1, failed: 0 };
  return {
    etcdVersion: "3.7.1",
    truth: { reigns, writes: writesSeen, deletedUs: new Map() },
    holds,
    pausesFromUs,
    revoked: new Map([["election10", 1_420_000]]),
    faults: new Map([["pause", 3]]),
    writes: { guarded: counts, compared: counts, control: counts },
    fenced: { write: () => true, accepted: 5, refused: 1 },
    givenUp: 0,
    sessions: 2,
    problems: [],
    ...rest,
  };
}

/** The same holds, but one of the lock. */
function holdsBut(index: number, change: Partial<Hold>): readonly Hold[] {
  return holds.map((hold, at) => (at === index ? { ...hold, ...change } : hold));
}

describe("the report", () => {
  it("prints the figures, and finds no failure where all is well", () => {
    const { lines, failures } = reportOf(recording(), 1);
    expect(failures).toEqual([]);
    expect(lines.at(-1)).toBe(
      "acquisitions 20, guarded violations 0, longest belief overlap 0 ms without / 0 ms with pauses, " +
        "control (unguarded) violations 1, phantom 0",
    );
  });

  it("takes the overlap of those who were paused for a figure, and of others for a failure", () => {
    const late = (hold: number) => holdsBut(hold, { actedUs: (holds[hold + 1]?.acquiredUs ?? 0) + 7_000 });
    const paused = reportOf(recording({ holds: late(7) }), 1);
    expect(paused.failures).toEqual([]);
    expect(paused.lines.at(-1)).toContain("0 ms without / 7 ms with pauses");
    // This one took its time between asking and acting: the machine has paused it.
    expect(reportOf(recording({ holds: late(2) }), 1).failures).toEqual([]);
    const prompt = (hold: number) =>
      late(hold).map((each) => ({ ...each, agreedUs: (each.actedUs ?? 0) - 100_000 }));
    expect(reportOf(recording({ holds: prompt(2) }), 1).failures).toEqual([
      "two have acted at once though nobody was paused",
      "lock: an action that began at once after isHeld() had agreed met another's",
    ]);
    expect(reportOf(recording({ holds: prompt(7) }), 1).failures).toEqual([
      "lock: an action that began at once after isHeld() had agreed met another's",
    ]);
  });

  it.each<[string, Partial<Recording> & { readonly writesSeen?: readonly DocumentWrite[] }]>([
    [
      "guarded documents were written by somebody who did not hold",
      { writesSeen: [violation, { ...violation, protection: "compared" }] },
    ],
    ["somebody was told to hold who did not", { holds: holdsBut(0, { token: "0" }) }],
    ["lock: isHeld() said yes to two at once", { holds: holdsBut(7, { heldUs: 1_310_000 }) }],
    [
      "lock: isHeld() said yes 10 ms after the key was gone",
      { truth: { reigns, writes: [violation], deletedUs: new Map([["10", 1_440_000]]) } },
    ],
    ["lock: the order of the queue was not kept", { holds: holdsBut(0, { token: "3" }) }],
    ["lock: too few acquisitions to say anything", { holds: holds.slice(6) }],
    [
      "holders were told too late that their lease was revoked",
      { revoked: new Map([["lock8", 1_210_000]]), holds: holdsBut(7, { lostUs: 2_210_001 }) },
    ],
    // Never, that is: as long as it held, it believed.
    [
      "holders were told too late that their lease was revoked",
      { revoked: new Map([["lock8", 1_210_000]]), holds: holdsBut(7, { heldUs: 2_210_001 }) },
    ],
    [
      "nobody who held was told that its lease was revoked: the run has not shown that they are",
      { revoked: new Map() },
    ],
    ["too few pauses to say anything", { faults: new Map([["cut", 5]]) }],
    ["the unprotected document shows no violation: the run has not shown that it can", { writesSeen: [] }],
    ["worker 3: something broke", { problems: ["worker 3: something broke"] }],
  ])("fails when %s", (failure, otherwise) => {
    expect(reportOf(recording(otherwise), 1).failures).toContain(failure);
  });

  it("fails when nothing was refused", () => {
    const counts = { acknowledged: 9, refused: 0, failed: 0 };
    const { failures } = reportOf(
      recording({ writes: { guarded: counts, compared: counts, control: counts } }),
      1,
    );
    expect(failures).toEqual([
      "nothing was refused to those who did not hold: the run has not shown that it can be",
    ]);
  });
});
