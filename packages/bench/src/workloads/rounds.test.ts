import { describe, expect, it } from "vitest";
import { Rounds } from "./rounds.js";

describe("Rounds", () => {
  it("ends a round when every watch has had one event", async () => {
    const rounds = new Rounds(2, 5);
    for (let round = 0; round < 3; round++) {
      const done = rounds.next();
      rounds.event(1, 5);
      rounds.event(0, 5);
      expect(await done).toBe(2);
    }
    expect(() => rounds.verify()).not.toThrow();
  });

  it("rejects an event that comes twice", async () => {
    const rounds = new Rounds(2, 5);
    const done = rounds.next();
    rounds.event(1, 5);
    rounds.event(1, 5);
    await expect(done).rejects.toThrow("watch 1 has seen 2 events instead of 1");
    await expect(rounds.next()).rejects.toThrow("watch 1 has seen 2");
  });

  it("rejects an event with another value", async () => {
    const rounds = new Rounds(1, 5);
    const done = rounds.next();
    rounds.event(0, 4);
    await expect(done).rejects.toThrow("watch 0 has a value of 4 bytes instead of 5");
  });

  it("finds at the end what came after a round, and what did not come", async () => {
    const late = new Rounds(1, 5);
    const done = late.next();
    late.event(0, 5);
    await done;
    late.event(0, 5);
    expect(() => late.verify()).toThrow("watch 0 has seen 2 events instead of 1");

    const missing = new Rounds(2, 5);
    void missing.next();
    missing.event(0, 5);
    expect(() => missing.verify()).toThrow("watch 1 has seen 0 events instead of 1");
  });

  it("rejects when a watch ends by itself, now and later", async () => {
    const rounds = new Rounds(1, 5);
    const cause = new Error("compacted");
    rounds.failed(cause);
    await expect(rounds.next()).rejects.toMatchObject({ message: "a watch has ended by itself", cause });
    expect(() => rounds.verify()).toThrow("a watch has ended by itself");
  });
});
