import { describe, expect, it } from "vitest";
import { Stream, type StreamHandler } from "./stream.js";
import { StreamTable } from "./stream-table.js";

const handler: StreamHandler = {
  onHeaders: () => undefined,
  onData: () => undefined,
  onEnd: () => undefined,
  onFailure: () => undefined,
};

function stream(id: number): Stream {
  return new Stream(id, handler, { send: 0, receive: 0 }, { returnsAtOnce: true, background: false });
}

function tableOf(...ids: number[]): StreamTable {
  const table = new StreamTable();
  for (const id of ids) table.add(stream(id));
  return table;
}

const ids = (table: StreamTable): number[] => table.list().map(({ id }) => id);

describe("the streams of a connection", () => {
  it("are found by their ids", () => {
    const table = tableOf(1, 3, 5);
    expect(table.get(3)?.id).toBe(3);
    expect(table.get(7)).toBeUndefined();
    expect(table.size).toBe(3);
  });

  it("are gone when they were taken out, and cannot be taken out twice", () => {
    const table = tableOf(1, 3, 5);
    expect(table.delete(3)).toBe(true);
    expect(table.delete(3)).toBe(false);
    expect(table.get(3)).toBeUndefined();
    expect(ids(table)).toEqual([1, 5]);
  });

  it("are listed from the oldest to the newest, however long some of them have been there", () => {
    const table = tableOf(1);
    for (let id = 3; id < 10_001; id += 2) {
      table.add(stream(id));
      if (id > 5) table.delete(id - 4);
    }
    expect(ids(table)).toEqual([1, 9_997, 9_999]);
  });

  it("find room beside others that would lie in the same place, and are found after those have left", () => {
    // Ids that are 32 apart fall on the same of the first sixteen places.
    const table = tableOf(1, 33, 65, 3);
    table.delete(1);
    expect([33, 65, 3].map((id) => table.get(id)?.id)).toEqual([33, 65, 3]);
    table.delete(33);
    expect([65, 3].map((id) => table.get(id)?.id)).toEqual([65, 3]);
    expect(table.size).toBe(2);
  });

  it("are told apart where the places wrap around", () => {
    const table = tableOf(31, 63, 1, 33);
    table.delete(31);
    expect(ids(table)).toEqual([1, 33, 63]);
    expect([63, 1, 33].map((id) => table.get(id)?.id)).toEqual([63, 1, 33]);
  });

  it("are as many as there are, through any order of coming and going", () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const table = new StreamTable();
    const model = new Set<number>();
    let next = 1;
    for (let step = 0; step < 20_000; step++) {
      if (model.size === 0 || random(100) < 50) {
        table.add(stream(next));
        model.add(next);
        next += 2;
      } else {
        const id = [...model][random(model.size)] ?? 0;
        expect(table.delete(id)).toBe(true);
        model.delete(id);
      }
      if (step % 100 === 0) expect(ids(table)).toEqual([...model]);
      expect(table.size).toBe(model.size);
    }
  });

  it("are all gone at once when the connection ends", () => {
    const table = tableOf(...Array.from({ length: 100 }, (_, index) => 2 * index + 1));
    table.clear();
    expect(table.size).toBe(0);
    expect(table.list()).toEqual([]);
    table.add(stream(201));
    expect(ids(table)).toEqual([201]);
  });
});
