import type { Directory } from "../src/directory.js";
import type { Endpoint, Endpoints } from "../src/endpoint.js";

/** A directory whose content a test says. */
export class FakeDirectory implements Directory {
  readonly target = "svc";
  endpoints: Endpoints | undefined;
  error: unknown;
  readonly listeners: Set<() => void> = new Set();

  /** The endpoints are these from now on, keyed by their addresses. */
  become(...addresses: readonly string[]): void {
    this.becomeThese(new Map(addresses.map((address) => [`svc/${address}`, { address }])));
  }

  becomeThese(endpoints: ReadonlyMap<string, Endpoint>): void {
    this.endpoints = endpoints;
    this.tell();
  }

  fail(error: unknown): void {
    this.error = error;
    this.tell();
  }

  tell(): void {
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  ready(): Promise<Endpoints> {
    return Promise.reject(new Error("the fake does not wait"));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
