import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { gate } from "../test/gate.js";
import { Turns } from "./turns.js";

const { signal } = new AbortController();

it("tasks run one after the other, first come, first served, whatever becomes of them", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const task = (name: string, fails = false) =>
    turns.run(signal, async () => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const all = [task("a"), task("b", true), task("c")];
  const late = all[0]?.then(() => task("d"));
  expect(await Promise.allSettled(all)).toMatchObject([
    { value: "a" },
    { reason: { message: "b" } },
    { value: "c" },
  ]);
  await late;
  const expected = ["a", "b", "c", "d"].flatMap((name) => [`${name} begins`, `${name} ends`]);
  expect(log).toEqual(expected);
  expect(await turns.run(signal, async () => "again")).toBe("again");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("who is aborted leaves the line, and holds up nobody", async () => {
  const turns = new Turns();
  const open = gate<void>();
  const controller = new AbortController();
  const first = turns.run(signal, () => open.promise);
  const second = turns.run(controller.signal, async () => "never");
  const third = turns.run(signal, async () => "third");
  controller.abort("enough");
  await expect(second).rejects.toBe("enough");
  await expect(turns.run(controller.signal, async () => "never")).rejects.toBe("enough");
  open.resolve();
  await first;
  expect(await third).toBe("third");
});
