import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";

/**
 * A channel of Node's `diagnostics_channel` whose messages have a type. It is one per process and name: every
 * connection of the process publishes to it, also those of another installed copy of this package.
 */
export interface DiagnosticChannel<Message> {
  /** Name of the channel, for `diagnostics_channel.subscribe`. */
  readonly name: string;
  /** Whether anybody listens. Whoever publishes asks this first and makes no message otherwise, so that silence is free. */
  readonly hasSubscribers: boolean;
  /** Hands a message to every listener, at once. */
  publish(message: Message): void;
  /**
   * Calls `listener` with every message from now on. It runs within the call that it is told of: it should be quick, and
   * what it throws becomes an uncaught exception of the process.
   *
   * @returns Ends the subscription.
   */
  subscribe(listener: (message: Message) => void): () => void;
}

/** Opens the channel of a name. To be kept by who publishes: Node forgets a channel that nobody holds. */
export function diagnosticChannel<Message>(name: string): DiagnosticChannel<Message> {
  const own = channel(name);
  return {
    name,
    get hasSubscribers() {
      return own.hasSubscribers;
    },
    publish: (message) => own.publish(message),
    subscribe(listener) {
      // A function of its own for each subscription: ending one leaves another of the same listener alone.
      const onMessage = (message: unknown): void => listener(message as Message);
      subscribe(name, onMessage);
      return () => void unsubscribe(name, onMessage);
    },
  };
}
