import type { CallLimits } from "@etcdkit/core/spi";
import type { QueueName } from "./queue-name.js";
import { QueuePlace } from "./queue-place.js";
import type { Session } from "./session.js";
import type { Turn } from "./turns.js";

const answer = "the cluster to answer";

/**
 * Waits for the session's turn in this process, enters the queue of the cluster, and waits to be the first. Whatever ends
 * this before, the place is given up.
 *
 * @param onFound - Called with a place that was there before, once it is entered.
 */
export async function reachFront(
  session: Session,
  queue: QueueName,
  value: Uint8Array,
  limits: CallLimits,
  onFound?: (place: QueuePlace, value: Uint8Array) => Promise<void>,
): Promise<QueuePlace> {
  const place = new QueuePlace(session, queue, await takeTurn(session, queue, limits));
  try {
    limits.signal.throwIfAborted();
    const { first, found } = await limits.race(place.enter(value));
    if (found !== undefined) await onFound?.(place, found.value);
    limits.waitingFor = "other sessions";
    if (!first) {
      limits.follow(place.signal);
      await place.reachFront(limits.signal);
    }
    await place.confirm(limits.signal);
    return place;
  } catch (error) {
    place.abandon();
    throw error;
  }
}

/** Takes the place if the queue is empty, in this process and in the cluster; else `undefined`. */
export async function takeIfFree(
  session: Session,
  queue: QueueName,
  value: Uint8Array,
  limits: CallLimits,
): Promise<QueuePlace | undefined> {
  limits.follow(session.signal);
  limits.signal.throwIfAborted();
  limits.waitingFor = answer;
  const turn = session.turns.tryTake(queue.key);
  if (turn === undefined) return undefined;
  const place = new QueuePlace(session, queue, turn);
  try {
    const { first } = await limits.race(place.enter(value, true));
    if (!first) {
      // What it may have found is a place of a program that had the lease before, and does not wait any longer.
      await limits.race(place.leave());
      return undefined;
    }
    await place.confirm(limits.signal);
    return place;
  } catch (error) {
    place.abandon();
    throw error;
  }
}

/** Takes over a place at the front that was entered before; `undefined` when there is no such place. */
export async function resumePlace(
  session: Session,
  queue: QueueName,
  createRevision: bigint,
  limits: CallLimits,
): Promise<QueuePlace | undefined> {
  const place = new QueuePlace(session, queue, await takeTurn(session, queue, limits));
  try {
    if (await place.resume(createRevision, limits.signal)) return place;
    place.abandon();
    return undefined;
  } catch (error) {
    place.abandon();
    throw error;
  }
}

/** Waits for what other tasks of the session do with the key, such as removing it. */
async function takeTurn(session: Session, { key }: QueueName, limits: CallLimits): Promise<Turn> {
  limits.follow(session.signal);
  limits.waitingFor = "other tasks of the session";
  const turn = await session.turns.take(key, limits.signal);
  limits.waitingFor = answer;
  return turn;
}
