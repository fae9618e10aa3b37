import { afterEach, describe, expect, it } from "vitest";
import { giveBackRoom, takeRoom } from "./message-room.js";

const mebibyte = 1024 * 1024;

/** Takes all room that is spare, so that each case begins with none. */
function takeSpare(): number {
  let bytes = 0;
  // No fresh room is as short as that, unless nothing was spare.
  for (let room = takeRoom(1); room.length !== 8 * 1024; room = takeRoom(1)) bytes += room.length;
  return bytes;
}

describe("room for messages", () => {
  afterEach(() => void takeSpare());

  it("is used again, for what is shorter too", () => {
    const room = takeRoom(100_000);
    expect(room.length).toBeGreaterThanOrEqual(100_000);
    giveBackRoom(room);
    expect(takeRoom(10)).toBe(room);
    expect(takeRoom(10)).not.toBe(room);
  });

  it("is fresh where what is spare is too short", () => {
    giveBackRoom(takeRoom(20_000));
    expect(takeRoom(30_000).length).toBeGreaterThanOrEqual(30_000);
  });

  it("is not kept beyond 4 MiB for one, and 8 MiB for all", () => {
    giveBackRoom(takeRoom(4 * mebibyte + 1));
    expect(takeSpare()).toBe(0);
    const rooms = Array.from({ length: 5 }, () => takeRoom(3 * mebibyte));
    for (const room of rooms) giveBackRoom(room);
    expect(takeSpare()).toBe(6 * mebibyte);
  });
});
