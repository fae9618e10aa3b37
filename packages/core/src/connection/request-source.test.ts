import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { RequestSource } from "./request-source.js";

/** Requests 1, 2 and 3, and what became of them. */
function three() {
  const state = { pulled: 0, finished: false, thrown: undefined as unknown };
  const requests = (async function* () {
    try {
      for (const request of [1, 2, 3]) {
        state.pulled++;
        yield request;
      }
    } catch (reason) {
      state.thrown = reason;
      throw reason;
    } finally {
      state.finished = true;
    }
  })();
  return { state, source: new RequestSource(requests) };
}

const open = new AbortController().signal;

describe("the requests of a stream", () => {
  it("are all there for the attempt after one that took none, however that one ended", async () => {
    const { source, state } = three();
    expect(await source.view(open)[Symbol.asyncIterator]().return?.()).toMatchObject({ done: true });
    const reason = new Error("no link");
    const thrown = source.view(open)[Symbol.asyncIterator]().throw?.(reason);
    expect(await caught(thrown ?? Promise.resolve())).toBe(reason);
    expect(await source.view(AbortSignal.abort())[Symbol.asyncIterator]().next()).toMatchObject({
      done: true,
    });
    expect(source.untouched).toBe(true);
    expect(state.pulled).toBe(0);
    expect(await Array.fromAsync(source.view(open))).toEqual([1, 2, 3]);
    expect(source.untouched).toBe(false);
  });

  it("end with the attempt that took one of them", async () => {
    const { source, state } = three();
    for await (const _ of source.view(open)) break;
    expect(state).toMatchObject({ pulled: 1, finished: true });
    expect(await Array.fromAsync(source.view(open))).toEqual([]);
  });

  it("are told why the attempt that took one of them failed", async () => {
    const { source, state } = three();
    const view = source.view(open)[Symbol.asyncIterator]();
    await view.next();
    const reason = new Error("reset");
    expect(await caught(view.throw?.(reason) ?? Promise.resolve())).toBe(reason);
    expect(state).toMatchObject({ finished: true, thrown: reason });
  });

  it("give none to an attempt that is over", async () => {
    const { source, state } = three();
    const over = new AbortController();
    const view = source.view(over.signal)[Symbol.asyncIterator]();
    expect(await view.next()).toEqual({ done: false, value: 1 });
    over.abort();
    expect(await view.next()).toMatchObject({ done: true });
    expect(state.pulled).toBe(1);
  });

  it("may clean up once no attempt will follow, and only once", async () => {
    let returned = 0;
    const source = new RequestSource<number>({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: 1 }),
        return: () => {
          returned++;
          return Promise.reject(new Error("what goes wrong here is nobody's business"));
        },
      }),
    });
    source.close();
    source.close();
    expect(returned).toBe(1);
    expect(await Array.fromAsync(source.view(open))).toEqual([]);
  });
});
