import { afterAll, beforeAll, expect, it } from "vitest";
import { describeEachEtcd, installed } from "../../support/each-etcd.js";
import { everyByte, everyFrameTwice, type Place } from "./places.js";
import { Rig, type Tally } from "./rig.js";
import { largeSession, largeSessionArguments, type Session, shortSession } from "./sessions.js";

const timeoutMs = 900_000;
const everywhere = process.env["ETCDKIT_EVERY_CUT"] === "1";

describeEachEtcd("watches that are cut off", (etcd) => {
  const shared = etcd.shared({ args: largeSessionArguments });
  const age = installed.findIndex(({ version }) => version === etcd.version);
  let rig: Rig;
  beforeAll(async () => {
    rig = await Rig.open(shared);
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  /** One place of so many; with older servers fewer of those, and others with each. */
  function sample(places: readonly Place[], oneOf: number, fewer: number): readonly Place[] {
    if (everywhere) return places;
    const step = age === 0 ? oneOf : oneOf * fewer;
    return places.filter((_, i) => i % step === age % step);
  }

  async function cut(session: Session, what: string, places: readonly Place[]): Promise<Tally> {
    const tally = await rig.cut(session, places);
    const { events, lost, duplicated, reordered, split, foreign, wrong } = tally.verdict;
    console.info(
      `watches cut ${what} (etcd ${etcd.version}): ${tally.sessions} sessions, ${tally.cuts} cuts, ` +
        `${events} events compared; lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, ` +
        `split revisions ${split}, not in the journal ${foreign}, unlike the journal ${wrong}`,
    );
    return tally;
  }

  function check({ flaws, verdict }: Tally): void {
    if (etcd.has("sound-watches")) {
      expect(flaws).toEqual([]);
      return;
    }
    if (flaws.length > 0) console.warn(`etcd ${etcd.version}, as is known of it: ${flaws.join("; ")}`);
    expect(verdict).toMatchObject({ reordered: 0, split: 0, foreign: 0, wrong: 0 });
  }

  it("behind any byte, either way, deliver everything once", { timeout: timeoutMs }, async () => {
    const { bytes } = await rig.record(shortSession);
    const places = sample(everyByte(bytes), 1, 7);
    const tally = await cut(shortSession, "behind a byte", places);
    check(tally);
    // A session may be some bytes shorter than that which was recorded.
    expect(tally.cuts).toBeGreaterThan(places.length * 0.9);
  });

  it("behind any frame, and again behind one of the link that follows, deliver everything once", {
    timeout: timeoutMs,
  }, async () => {
    const { frames } = await rig.record(shortSession);
    const places = sample(everyFrameTwice(frames), 3, 7);
    const tally = await cut(shortSession, "twice in a row", places);
    check(tally);
    // The link that follows carries less.
    expect(tally.cuts).toBeGreaterThan(places.length * 1.25);
  });

  it("in the middle of large revisions deliver each in one piece", { timeout: timeoutMs }, async () => {
    const { bytes, frames, outcome } = await rig.record(largeSession);
    const [inParts, inOneAnswer] = outcome.deliveries.map(({ batches }) => batches.length);
    expect(inParts).toBeGreaterThan(inOneAnswer ?? 0);
    const places = [...sample(everyByte(bytes, 4_099), 8, 2), ...sample(everyFrameTwice(frames), 149, 2)];
    const tally = await cut(largeSession, "in large revisions", places);
    check(tally);
    expect(tally.cuts).toBeGreaterThan(places.length);
  });
});
