import dns, { type LookupAddress, type LookupAllOptions } from "node:dns";
import { isIPv6 } from "node:net";
import { type MockInstance, vi } from "vitest";

type Resolve = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** Host names that exist in this process only. Names that end in `.test` are nobody else's (RFC 6761, 6.2). */
export interface Names extends Disposable {
  /** Lets a name have these addresses, in this order. With none it cannot be resolved. */
  set(name: string, ...addresses: readonly string[]): void;
  /** How often a name was asked for. */
  asked(name: string): number;
}

/** Answers in place of the system's resolver, which Node asks whenever it dials a name. */
export function pretendNames(): Names {
  const known = new Map<string, readonly string[]>();
  const asked: string[] = [];
  const system = dns.lookup;

  function lookup(name: string, options: LookupAllOptions, resolve: Resolve): void {
    const addresses = known.get(name);
    if (addresses === undefined) {
      system(name, options, resolve);
      return;
    }
    asked.push(name);
    // The answer comes later, as from the system.
    if (addresses.length > 0) {
      const answer = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
      setImmediate(() => resolve(null, answer));
    } else {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" });
      setImmediate(() => resolve(error, []));
    }
  }

  const spy: MockInstance = vi.spyOn(dns, "lookup").mockImplementation(lookup as never);
  return {
    set: (name, ...addresses) => void known.set(name, addresses),
    asked: (name) => asked.filter((one) => one === name).length,
    [Symbol.dispose]: () => spy.mockRestore(),
  };
}
