import { type Client, createClient } from "@connectrpc/connect";
import { Echo } from "@etcdkit/testing";
import { ManualClock } from "../../core/test/manual-clock.js";
import {
  createDirectoryTransport,
  type DirectoryTransport,
  type DirectoryTransportOptions,
} from "../src/connect/directory-transport.js";
import { FakeDirectory } from "./fake-directory.js";
import { FakeEndpoint } from "./fake-endpoints.js";

/** A transport over a directory whose content, endpoints and time a test says. */
export interface Balanced {
  readonly directory: FakeDirectory;
  readonly clock: ManualClock;
  readonly transport: DirectoryTransport;
  readonly client: Client<typeof Echo>;
  /** Every transport to an endpoint that was made, in order. */
  readonly made: readonly FakeEndpoint[];
  /** What is done to each as it is made, by address. */
  readonly prepare: Map<string, (endpoint: FakeEndpoint) => void>;
  /** The last that was made to an address. */
  at(address: string): FakeEndpoint;
  /** How many calls each got. */
  calls(): Record<string, number>;
}

export function balanced(options: Partial<DirectoryTransportOptions> = {}): Balanced {
  const directory = new FakeDirectory();
  const clock = new ManualClock();
  const made: FakeEndpoint[] = [];
  const prepare = new Map<string, (endpoint: FakeEndpoint) => void>();
  const transport = createDirectoryTransport({
    directory,
    clock,
    createTransport(endpoint) {
      const fake = new FakeEndpoint(endpoint);
      prepare.get(endpoint.address)?.(fake);
      made.push(fake);
      return fake;
    },
    ...options,
  });
  const client = createClient(Echo, transport);
  const at = (address: string): FakeEndpoint => {
    const found = made.findLast(({ endpoint }) => endpoint.address === address);
    if (found === undefined) throw new Error(`no transport to ${address} was made`);
    return found;
  };
  const calls = () => Object.fromEntries(made.map(({ endpoint, calls: got }) => [endpoint.address, got]));
  return { directory, clock, made, prepare, transport, client, at, calls };
}

/** How a call fails. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call was to fail");
}

/** Makes calls one after the other. */
export const times = async (count: number, call: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await call();
};

/** Something that happens when the test says so. */
export function moment(): { readonly come: () => void; readonly promise: Promise<void> } {
  let come = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    come = resolve;
  });
  return { come, promise };
}
