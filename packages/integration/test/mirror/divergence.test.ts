import { type Event, Event_EventType } from "@etcdkit/core";
import { expect, it } from "vitest";
import { divergenceOf } from "./divergence.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function event(modRevision: bigint, key: string, value?: string): Event {
  const type = value === undefined ? Event_EventType.DELETE : Event_EventType.PUT;
  return { type, kv: { key: bytes(key), value: bytes(value ?? ""), modRevision } } as Event;
}

const checkpoint = (at: bigint, revision?: number): Event =>
  event(
    at,
    "at",
    JSON.stringify(revision === undefined ? { phase: "base" } : { checkpoint: { revision: `${revision}` } }),
  );

const places = { prefix: "s/", destinationPrefix: "d/", checkpointKey: "at" };
const source = [event(2n, "s/a", "1"), event(3n, "s/b", "1"), event(3n, "s/c", "1"), event(4n, "s/a")];
const faithful = [
  ...[checkpoint(10n), event(11n, "d/a", "1"), checkpoint(11n), checkpoint(12n, 2)],
  ...[event(13n, "d/b", "1"), event(13n, "d/c", "1"), checkpoint(13n, 3)],
  ...[event(14n, "d/a"), checkpoint(14n, 4)],
];

it.each([
  ["nothing of a faithful mirror", faithful, { moments: 3, diverged: 0, skipped: 0, repeated: 0 }],
  [
    "a revision that was taken apart",
    [...faithful.slice(0, 5), checkpoint(13n, 3), event(14n, "d/c", "1"), checkpoint(14n, 3)],
    { moments: 3, diverged: 1, skipped: 0, repeated: 1 },
  ],
  [
    "a revision that was left out",
    [...faithful.slice(0, 4), event(13n, "d/a"), checkpoint(13n, 4)],
    { moments: 2, diverged: 1, skipped: 1, repeated: 0 },
  ],
  [
    "a revision that came twice",
    [...faithful, event(15n, "d/a"), checkpoint(15n, 4)],
    { moments: 4, diverged: 0, skipped: 0, repeated: 1 },
  ],
  [
    "a write without a checkpoint",
    [...faithful, event(15n, "d/x", "1")],
    { moments: 3, diverged: 1, skipped: 0, repeated: 0 },
  ],
] as const)("the comparison of journals finds %s", (_, destination, expected) => {
  expect(divergenceOf(source, destination, places)).toEqual(expected);
});
