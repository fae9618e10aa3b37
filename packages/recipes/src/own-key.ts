import type { Session } from "@etcdkit/concurrency";
import { SessionKey } from "@etcdkit/concurrency/spi";
import { concatBytes, type KeyRange } from "@etcdkit/core";
import { type CallLimits, toBytes } from "@etcdkit/core/spi";
import { uniqueNumber } from "./unique-number.js";

const noValue = new Uint8Array();
// Most locks are held for less, and need no watch to tell that their key was deleted by somebody else.
const watchAfterMs = 250;

/** A key that one call of this process made and nobody makes again. */
class OwnKey extends SessionKey {
  /** Whatever its revision: to delete it twice does no harm. */
  protected override async delete(): Promise<void> {
    const { kv, signal } = this.session;
    await kv.delete(this.key, { idempotent: true, signal, timeoutMs: Number.POSITIVE_INFINITY });
  }
}

/**
 * Makes a key `directory<number>` with no value, tied to the session, that nobody else has.
 *
 * @param limits - When they end the call, a key that was made is removed in the background.
 * @throws (rejects) What ended the call; as `SessionKey.create`.
 */
export async function createOwnKey(
  session: Session,
  directory: Uint8Array,
  limits: CallLimits,
): Promise<SessionKey> {
  const own = await create(session, directory, limits);
  if (own === undefined) throw new Error("a key that no other key can prevent was not made");
  return own;
}

/** As {@link createOwnKey}, but only if there is no key in `range`; else `undefined`, and there has not been one. */
export function createOwnKeyIfFree(
  session: Session,
  directory: Uint8Array,
  range: KeyRange,
  limits: CallLimits,
): Promise<SessionKey | undefined> {
  return create(session, directory, limits, range);
}

async function create(
  session: Session,
  directory: Uint8Array,
  limits: CallLimits,
  unless?: KeyRange | undefined,
): Promise<SessionKey | undefined> {
  while (true) {
    limits.signal.throwIfAborted();
    const own = new OwnKey(session, concatBytes(directory, toBytes(uniqueNumber(), "key")));
    try {
      const { owned, found } = await limits.race(own.create(noValue, { unless }));
      if (owned) {
        own.watchIn(watchAfterMs);
        return own;
      }
      own.abandon();
      if (found === undefined) return undefined;
      // Somebody else has drawn the same number.
    } catch (error) {
      own.abandon();
      throw error;
    }
  }
}
