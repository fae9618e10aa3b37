import { expect, it } from "vitest";
import { bytes } from "../test/memory-kv.js";
import { decodePlace, encodePlace, type Place } from "./place.js";

const route = { prefix: bytes("a/"), destinationPrefix: bytes("b/") };
const mark = "mark";

it.each<Place>([
  { phase: "base" },
  { phase: "updates", checkpoint: { revision: 5n, clusterId: 7n } },
  { phase: "updates", checkpoint: { revision: 5n }, part: { revision: 9n, writes: 3 } },
])("the place of a mirror survives being kept in the destination: %o", (place) => {
  expect(decodePlace(encodePlace(place, route, mark), route)).toEqual(place);
});

it("is another value for each transaction", () => {
  const values = [mark, "another"].map((one) => encodePlace({ phase: "base" }, route, one));
  expect(new Set(values.map(String)).size).toBe(2);
});

it("of other keys is refused", () => {
  const value = encodePlace({ phase: "base" }, route, mark);
  expect(() => decodePlace(value, { ...route, prefix: bytes("c/") })).toThrow(RangeError);
  expect(() => decodePlace(value, { ...route, destinationPrefix: bytes("") })).toThrow(RangeError);
});

it.each(["", "something", "{}", '{"mirror":2}', '{"mirror":1,"prefix":"YS8=","destinationPrefix":"Yi8="}'])(
  "is not read from %j",
  (text) => {
    expect(() => decodePlace(bytes(text), route)).toThrow(TypeError);
  },
);

it.each([1, { revision: 1, writes: 1 }, { revision: "1", writes: "1" }, { revision: "1", writes: -1 }])(
  "is not read with the part %o",
  (part) => {
    const value = JSON.parse(
      new TextDecoder().decode(encodePlace({ phase: "updates", checkpoint: { revision: 1n } }, route, mark)),
    );
    expect(() => decodePlace(bytes(JSON.stringify({ ...value, part })), route)).toThrow(TypeError);
  },
);
