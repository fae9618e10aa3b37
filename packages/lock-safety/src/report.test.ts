import { describe, expect, it } from "vitest";
import type { DocumentWrite, Reign } from "./journal.js";
import { type Hold, type Kind, kinds } from "./messages.js";
import { reportOf } from "./report.js";
import type { Recording } from "./run.js";

const pausesFromUs = 1_000_000;

/** Ten holds of a kind, half of them before the pauses, one after the other. */
function holdsOf(kind: Kind): Hold[] {
  return Array.from({ length: 10 }, (_, index) => {
    const acquiredUs = 500_000 + index * 100_000;
    const token = String(kinds.indexOf(kind) * 100 + index + 1);
    const end = {
      heldUs: acquiredUs + 50_000,
      agreedUs: acquiredUs,
      actedUs: acquiredUs + 40_000,
      lostUs: undefined,
    };
    return { kind, shared: false, worker: 0, token, leaseId: `${kind}${token}`, acquiredUs, ...end };
  });
}

/** Ten more of readers, two at a time, after all the others. */
const readers = Array.from({ length: 10 }, (_, index): Hold => {
  const acquiredUs = 1_500_000 + Math.floor(index / 2) * 10_000;
  const token = String(211 + index);
  const end = { heldUs: acquiredUs + 5_000, agreedUs: acquiredUs, actedUs: acquiredUs, lostUs: undefined };
  return { kind: "rw-lock", shared: true, worker: 1, token, leaseId: `readers${token}`, acquiredUs, ...end };
});

const holds = [...kinds.flatMap(holdsOf), ...readers];
const reigns: Reign[] = holds.map(({ kind, token, acquiredUs }) => ({
  kind,
  token,
  sinceUs: acquiredUs,
  untilUs: acquiredUs + 60_000,
}));
const violation: DocumentWrite = {
  kind: "lock",
  protection: "control",
  shared: false,
  revision: 5n,
  owned: false,
  writer: "1",
  after: "0",
  before: "0",
};
const guardedWrites: readonly DocumentWrite[] = (["guarded", "compared"] as const).flatMap((protection) =>
  holds.map(({ kind, shared }) => ({ ...violation, kind, shared, protection, owned: true })),
);
const writesSeen: readonly DocumentWrite[] = [
  ...guardedWrites,
  ...kinds.map((kind) => ({ ...violation, kind })),
];

/** A run in which all is well, but for what is said to be otherwise. */
function recording(otherwise: Partial<Recording> = {}): Recording {
  const counts = { acknowledged: 9, refused: 1, failed: 0 };
  return {
    etcdVersion: "3.7.1",
    truth: { reigns, writes: writesSeen, deletedUs: new Map() },
    holds,
    pausesFromUs,
    revoked: revokedAt(1_420_000, 110),
    faults: new Map([["pause", 3]]),
    writes: { guarded: counts, compared: counts, control: counts },
    fenced: { write: () => true, accepted: 5, refused: 1 },
    givenUp: 0,
    sessions: 2,
    problems: [],
    ...otherwise,
  };
}

function revokedAt(goneUs: number | undefined, token = 8): Recording["revoked"] {
  return new Map([[String(token), goneUs]]);
}

/** The same holds, but one of the lock. */
function written(writes: readonly DocumentWrite[]): Partial<Recording> {
  return { truth: { reigns, writes, deletedUs: new Map() } };
}

function holdsBut(index: number, change: Partial<Hold>): readonly Hold[] {
  return holds.map((hold, at) => (at === index ? { ...hold, ...change } : hold));
}

describe("the report", () => {
  it("prints the figures, and finds no failure where all is well", () => {
    const { lines, failures } = reportOf(recording(), 1);
    expect(failures).toEqual([]);
    expect(lines.at(-1)).toBe(
      "acquisitions 40, guarded violations 0, longest belief overlap 0 ms without / 0 ms with pauses, " +
        "control (unguarded) violations 3, phantom 0",
    );
    expect(lines).toContain(
      "rw-lock: acquisitions 20 (readers 10, at once 2), out of order 0, a writer beside anybody: by isHeld() 0 ms, " +
        "acting 0 ms without / 0 ms with pauses, guarded writes 40 (violations 0), control violations 1",
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

  it.each<[string, Partial<Recording>]>([
    [
      "guarded documents were written by somebody who did not hold",
      written([...writesSeen, { ...violation, protection: "compared" }]),
    ],
    ["somebody was told to hold who did not", { holds: holdsBut(0, { token: "0" }) }],
    ["lock: isHeld() said yes to two at once", { holds: holdsBut(7, { heldUs: 1_310_000 }) }],
    [
      "lock: isHeld() said yes 10 ms after the key was gone",
      { truth: { reigns, writes: writesSeen, deletedUs: new Map([["10", 1_440_000]]) } },
    ],
    ["lock: the order of the queue was not kept", { holds: holdsBut(0, { token: "3" }) }],
    ["lock: too few acquisitions to say anything", { holds: holds.slice(6) }],
    [
      "holders were told too late that their lease was revoked",
      { revoked: revokedAt(1_210_000), holds: holdsBut(7, { lostUs: 3_210_001 }) },
    ],
    // Never, that is: as long as it held, it believed.
    [
      "holders were told too late that their lease was revoked",
      { revoked: revokedAt(1_210_000), holds: holdsBut(7, { heldUs: 3_210_001 }) },
    ],
    [
      "nobody who held was told that its lease was revoked: the run has not shown that they are",
      { revoked: new Map() },
    ],
    [
      "nobody who held was told that its lease was revoked: the run has not shown that they are",
      { revoked: revokedAt(undefined), holds: holdsBut(7, { lostUs: 1_210_000 }) },
    ],
    [
      "election: too few guarded writes to say anything",
      written(writesSeen.filter(({ kind }) => kind !== "election")),
    ],
    [
      "rw-lock: too few readers to say anything",
      written(writesSeen.filter(({ shared, protection }) => !(shared && protection === "compared"))),
    ],
    [
      "rw-lock: too few acquisitions to say anything",
      { holds: holds.filter(({ kind, shared }) => kind !== "rw-lock" || shared) },
    ],
    ["rw-lock: too few readers to say anything", { holds: holds.filter(({ shared }) => !shared) }],
    [
      "rw-lock: no readers have held together",
      { holds: holds.filter(({ shared }, index) => !shared || index % 2 === 0) },
    ],
    ["rw-lock: isHeld() said yes to two at once", { holds: holdsBut(29, { heldUs: 1_510_000 }) }],
    ["too few pauses to say anything", { faults: new Map([["cut", 5]]) }],
    [
      "rw-lock: the unprotected document shows no violation: the run has not shown that it can",
      written(writesSeen.filter(({ kind, owned }) => owned || kind !== "rw-lock")),
    ],
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
      "no guarded write was refused to those who did not hold: the run has not shown that it can be",
      "no compared write was refused to those who did not hold: the run has not shown that it can be",
    ]);
  });
});
