import type { Direction, FrameProxy } from "@etcdkit/testing";

/** Where a session is cut: behind a byte, or behind a frame of its first connection and one of that which replaces it. */
export type Place =
  | { readonly direction: Direction; readonly byte: number }
  | { readonly direction: Direction; readonly frames: readonly [number, number] };

/** How many bytes, or frames, went each way in a session that was not cut. */
export type Extent = Readonly<Record<Direction, number>>;

const directions: readonly Direction[] = ["toClient", "toServer"];

/** Behind every byte both ways, or behind every so manieth. */
export function everyByte(bytes: Extent, step = 1): Place[] {
  return directions.flatMap((direction) =>
    counted(Math.floor(bytes[direction] / step)).map((i) => ({ direction, byte: i * step })),
  );
}

/** Behind every frame both ways, and then behind every frame of what follows, as far as a first session has frames. */
export function everyFrameTwice(frames: Extent): Place[] {
  return directions.flatMap((direction) =>
    counted(frames[direction]).flatMap((first) =>
      counted(frames[direction]).map((second) => ({ direction, frames: [first, second] as const })),
    ),
  );
}

/** What a place is called in a report. */
export function describePlace(place: Place): string {
  return "byte" in place
    ? `behind byte ${place.byte} ${place.direction}`
    : `behind frame ${place.frames[0]}, then behind frame ${place.frames[1]}, ${place.direction}`;
}

/**
 * Has a proxy cut there, once it comes to that.
 *
 * @returns How many cuts were made so far: none where the session was over before.
 */
export function cutThere(proxy: FrameProxy, place: Place): () => number {
  const { direction } = place;
  if ("byte" in place) {
    let made = 0;
    proxy.cutAfter(place.byte, direction).then(
      () => {
        made = 1;
      },
      // The proxy was closed before.
      () => undefined,
    );
    return () => made;
  }
  const rules = place.frames.map((nth, i) =>
    proxy.when({ direction, connection: i + 1, nth }, { do: "cut" }),
  );
  return () => rules.reduce((made, { hits }) => made + hits, 0);
}

/** The numbers from 1 on. */
function counted(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
