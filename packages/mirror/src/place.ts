import {
  type CheckpointJson,
  checkpointFromJson,
  checkpointToJson,
  type MirrorCheckpoint,
} from "./checkpoint.js";
import { isRecord, parseJson, revisionFrom, toBase64, unreadable } from "./stored-json.js";

/** Where a mirror is, as its destination keeps it. */
export type Place =
  /** The destination is being made what the source is. */
  | { readonly phase: "base" }
  /** The destination is what the source was at the checkpoint, and has `part` of what came next. */
  | { readonly phase: "updates"; readonly checkpoint: MirrorCheckpoint; readonly part?: Part | undefined };

/** Of a revision too large for one transaction: how many of its writes were done. */
export interface Part {
  readonly revision: bigint;
  readonly writes: number;
}

/** Which keys are mirrored to where. */
export interface Route {
  readonly prefix: Uint8Array;
  readonly destinationPrefix: Uint8Array;
}

interface PlaceJson {
  readonly mirror: 1;
  readonly prefix: string;
  readonly destinationPrefix: string;
  readonly phase: "base" | "updates";
  readonly checkpoint?: CheckpointJson;
  readonly part?: { readonly revision: string; readonly writes: number };
  readonly mark: string;
}

/**
 * The value of the checkpoint key. JSON, so that people can see what it is.
 *
 * @param mark - Makes the value unlike any other: who finds it knows in which transaction it was written.
 */
export function encodePlace(place: Place, route: Route, mark: string): Uint8Array {
  const json: PlaceJson = {
    mirror: 1,
    prefix: toBase64(route.prefix),
    destinationPrefix: toBase64(route.destinationPrefix),
    phase: place.phase,
    ...(place.phase === "updates" && { checkpoint: checkpointToJson(place.checkpoint) }),
    ...(place.phase === "updates" &&
      place.part !== undefined && {
        part: { revision: place.part.revision.toString(), writes: place.part.writes },
      }),
    mark,
  };
  return new TextEncoder().encode(JSON.stringify(json));
}

/**
 * Reads the value of the checkpoint key.
 *
 * @throws `TypeError` when no mirror wrote it, `RangeError` when the mirror of other keys did.
 */
export function decodePlace(value: Uint8Array, route: Route): Place {
  const name = "the value of checkpointKey";
  const json = parseJson(value, name);
  if (!isRecord(json) || json["mirror"] !== 1) throw unreadable(name);
  const { prefix, destinationPrefix, phase, checkpoint, part } = json;
  if (prefix !== toBase64(route.prefix) || destinationPrefix !== toBase64(route.destinationPrefix)) {
    throw new RangeError("checkpointKey belongs to a mirror of another prefix: give each mirror its own");
  }
  if (phase === "base") return { phase };
  if (phase !== "updates") throw unreadable(name);
  return {
    phase,
    checkpoint: checkpointFromJson(checkpoint, name),
    ...(part !== undefined && { part: partFromJson(part, name) }),
  };
}

function partFromJson(value: unknown, name: string): Part {
  if (!isRecord(value)) throw unreadable(name);
  const { revision, writes } = value;
  if (typeof writes !== "number" || !Number.isSafeInteger(writes) || writes < 0) throw unreadable(name);
  return { revision: revisionFrom(revision, name), writes };
}
