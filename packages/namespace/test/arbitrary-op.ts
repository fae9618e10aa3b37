import type { BranchOp, Compare, Op, Sort, WireRange } from "@etcdkit/core";
import fc from "fast-check";

// Few bytes, at both ends of their order and next to each other, so that keys of one op meet those of another and
// prefixes meet their neighbours.
const byte = fc.constantFrom(0x00, 0x01, 0x61, 0x62, 0xfe, 0xff);
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.array(byte, { minLength, maxLength }).map((list) => Uint8Array.from(list));

/** A prefix; often one whose range has an end that is hard to find. */
export const arbitraryPrefix: fc.Arbitrary<Uint8Array> = fc.oneof(
  bytes(1, 3),
  fc
    .constantFrom([0xff], [0xff, 0xff], [0x61, 0xff], [0x61, 0xff, 0xff], [0x00], [0x61, 0x00])
    .map((list) => Uint8Array.from(list)),
);

/** A key of the whole store. */
export const arbitraryKey: fc.Arbitrary<Uint8Array> = bytes(1, 4);

const range: fc.Arbitrary<WireRange> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: bytes(1, 2) }) },
  // To the end of all keys; sometimes with the empty end that means none.
  { weight: 2, arbitrary: fc.record({ key: bytes(1, 2), rangeEnd: fc.constant(new Uint8Array(1)) }) },
  { weight: 3, arbitrary: fc.record({ key: bytes(1, 2), rangeEnd: bytes(0, 2) }) },
);

const sort: fc.Arbitrary<Sort> = fc.record({
  by: fc.constantFrom("key", "version", "created", "modified", "value"),
  order: fc.constantFrom("ascending", "descending"),
});

const flag = fc.boolean();
const value = bytes(0, 2);

/** @param revision - About where the store will be. */
export function arbitraryOp(revision: bigint): fc.Arbitrary<Op> {
  const number = fc.bigInt({ min: 1n, max: 3n });
  const near = fc.bigInt({ min: revision > 5n ? revision - 5n : 1n, max: revision + 10n });
  const rangeOp = fc
    .tuple(
      range,
      fc.record(
        {
          limit: fc.integer({ min: 1, max: 3 }),
          sort,
          keysOnly: flag,
          countOnly: flag,
          serializable: flag,
          minModRevision: near,
          maxCreateRevision: near,
        },
        { requiredKeys: [] },
      ),
    )
    .map(([keys, options]): BranchOp => ({ type: "range", ...keys, ...options }));
  const putOp = fc
    .record({ type: fc.constant("put" as const), key: bytes(1, 2), value, prevKv: flag })
    .map((one): BranchOp => one);
  const deleteOp = fc
    .tuple(range, flag)
    .map(([keys, prevKv]): BranchOp => ({ type: "delete", ...keys, prevKv }));
  const relation = fc.constantFrom("equal", "notEqual", "greater", "less");
  const compare: fc.Arbitrary<Compare> = fc.oneof(
    fc
      .tuple(range, relation, value)
      .map(([keys, how, operand]): Compare => ({ ...keys, relation: how, target: "value", operand })),
    fc
      .tuple(range, relation, fc.constantFrom("version", "lease"), fc.bigInt({ min: 0n, max: 3n }))
      .map(([keys, how, target, operand]): Compare => ({ ...keys, relation: how, target, operand })),
    fc
      .tuple(range, relation, fc.constantFrom("createRevision", "modRevision"), fc.oneof(near, number))
      .map(([keys, how, target, operand]): Compare => ({ ...keys, relation: how, target, operand })),
  );
  const txnOp = (inside: fc.Arbitrary<BranchOp>): fc.Arbitrary<BranchOp> =>
    fc.record({
      type: fc.constant("txn" as const),
      compare: fc.array(compare, { maxLength: 2 }),
      success: fc.array(inside, { maxLength: 3 }),
      failure: fc.array(inside, { maxLength: 3 }),
    });
  const simple = fc.oneof(
    { weight: 3, arbitrary: rangeOp },
    { weight: 5, arbitrary: putOp },
    { weight: 2, arbitrary: deleteOp },
  );
  const nested = fc.oneof({ weight: 4, arbitrary: simple }, { weight: 1, arbitrary: txnOp(simple) });
  return fc.oneof({ weight: 3, arbitrary: simple }, { weight: 2, arbitrary: txnOp(nested) });
}
