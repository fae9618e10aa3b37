import { describe, expect, it } from "vitest";
import { Departures } from "./departures.js";

describe("a departure", () => {
  it("is one that comes after the revision that is asked about, told before or after the question", async () => {
    const departures = new Departures();
    const early = departures.expect("a");
    departures.note("a", 7n);
    await early.after(6n);
    let gone = false;
    const late = early.after(7n).then(() => {
      gone = true;
    });
    departures.note("b", 9n);
    await Promise.resolve();
    expect(gone).toBe(false);
    departures.note("a", 8n);
    await late;
    early.close();
  });

  it.each([
    ["deletions may have been missed", (departures: Departures) => departures.wakeAll()],
    ["nobody looks any more", (departures: Departures) => departures.end()],
  ])("is not waited for any longer when %s", async (_, happen) => {
    const departures = new Departures();
    const departure = departures.expect("a");
    const woken = departure.after(5n);
    happen(departures);
    await woken;
    departure.close();
  });

  it("is not waited for by those who come when nobody looks any more, nor by those who have closed", async () => {
    const departures = new Departures();
    const departure = departures.expect("a");
    const woken = departure.after(5n);
    departure.close();
    await woken;
    departures.end();
    await departures.expect("a").after(5n);
  });
});
