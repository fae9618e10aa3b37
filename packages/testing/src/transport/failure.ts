import { ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";

/** The error that a promise rejects with, which has to be a `ConnectError`. */
export async function failureOf(promise: Promise<unknown>): Promise<ConnectError> {
  const error: unknown = await promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

/** What an error says of the request: its `disposition`. */
export function dispositionIn(error: unknown): unknown {
  return typeof error === "object" && error !== null && "disposition" in error
    ? error.disposition
    : undefined;
}

/** Everything that comes before a stream ends or fails, and how it failed. */
export async function gather<T>(
  messages: AsyncIterable<T>,
): Promise<{ readonly taken: T[]; readonly error: unknown }> {
  const taken: T[] = [];
  try {
    for await (const message of messages) taken.push(message);
    return { taken, error: undefined };
  } catch (error) {
    return { taken, error };
  }
}
