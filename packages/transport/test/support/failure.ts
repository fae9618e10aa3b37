import { TransportError } from "../../src/transport-error.js";

/** What an action throws, which is to be an error of the transport. */
export function failure(action: () => unknown): TransportError {
  try {
    action();
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
