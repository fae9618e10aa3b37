import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  type Message,
  ScalarType,
  type UnknownField,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";

/** How deep messages lie in each other; transactions could do so without end. */
const depthLimit = 4;

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2000n }),
  fc.constantFrom(0n, 1n, -1n, 1023n, 1024n, 2n ** 31n, 2n ** 32n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n),
  fc.integer({ min: 0, max: 62 }).map((power) => 2n ** BigInt(power)),
);
const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 2000n }),
  fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n),
  fc.integer({ min: 0, max: 63 }).map((power) => 2n ** BigInt(power)),
);
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(63, 64, 65, 127, 128, 300, 4095, 4096, 16_384)
      .map((length) => new Uint8Array(length).fill(7)),
  },
);
const enumNumber = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(127, 128, -1),
);
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("\uFEFFx", "\uD800", "a".repeat(33)),
);

function scalar(type: ScalarType | undefined): fc.Arbitrary<unknown> {
  if (type === ScalarType.BYTES) return bytes;
  if (type === ScalarType.INT64) return int64;
  if (type === ScalarType.UINT64) return uint64;
  if (type === ScalarType.BOOL) return fc.boolean();
  if (type === ScalarType.STRING) return text;
  return enumNumber;
}

function varint(value: bigint): Uint8Array {
  return new BinaryWriter().uint64(value).finish();
}

/** A field that `desc` does not know, with content that its wire type allows. */
export function unknownField(desc: DescMessage): fc.Arbitrary<UnknownField> {
  const no = fc
    .oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(2 ** 29 - 1, 2 ** 28, 16, 2047, 2048))
    .filter((candidate) => desc.fields.every(({ number }) => number !== candidate));
  return no.chain((number) =>
    fc.oneof(
      uint64.map((value) => ({ no: number, wireType: WireType.Varint, data: varint(value) })),
      fc
        .uint8Array({ minLength: 8, maxLength: 8 })
        .map((data) => ({ no: number, wireType: WireType.Bit64, data })),
      fc
        .uint8Array({ minLength: 4, maxLength: 4 })
        .map((data) => ({ no: number, wireType: WireType.Bit32, data })),
      bytes.map((value) => ({
        no: number,
        wireType: WireType.LengthDelimited,
        data: new BinaryWriter().bytes(value).finish(),
      })),
      uint64.map((value) => ({
        no: number,
        wireType: WireType.StartGroup,
        data: new BinaryWriter()
          .tag(1, WireType.Varint)
          .uint64(value)
          .tag(2, WireType.StartGroup)
          .tag(2, WireType.EndGroup)
          .tag(number, WireType.EndGroup)
          .finish(),
      })),
    ),
  );
}

/** What a message can be created from: any of its fields, or `undefined` in their place. */
export function initShape(desc: DescMessage): fc.Arbitrary<Record<string, unknown>> {
  return shape(desc, 1, false);
}

/** A complete message, with unknown fields here and there. */
export function message(desc: DescMessage): fc.Arbitrary<Message> {
  return shape(desc, 1, true).map((init) => withUnknown(desc, init));
}

function shape(desc: DescMessage, depth: number, complete: boolean): fc.Arbitrary<Record<string, unknown>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of desc.members) {
    const value =
      member.kind === "oneof" ? oneofValue(member, depth, complete) : fieldValue(member, depth, complete);
    if (value !== undefined) members[member.localName] = value;
  }
  if (complete)
    members["$unknown"] = fc.option(fc.array(unknownField(desc), { minLength: 1, maxLength: 3 }), {
      nil: undefined,
      freq: 3,
    });
  return fc.record(members, { requiredKeys: [] });
}

/** `undefined` where messages would lie too deep. */
function fieldValue(field: DescField, depth: number, complete: boolean): fc.Arbitrary<unknown> | undefined {
  if (field.fieldKind === "list") {
    const item = field.message === undefined ? scalar(field.scalar) : inner(field.message, depth, complete);
    return item && fc.option(fc.array(item, { maxLength: 4 }), { nil: undefined });
  }
  if (field.message !== undefined) {
    const value = inner(field.message, depth, complete);
    return value && fc.option(value, { nil: undefined });
  }
  return fc.option(scalar(field.scalar), { nil: undefined });
}

function oneofValue(oneof: DescOneof, depth: number, complete: boolean): fc.Arbitrary<unknown> {
  const cases = oneof.fields.flatMap((field) => {
    const value = field.message === undefined ? scalar(field.scalar) : inner(field.message, depth, complete);
    return value === undefined ? [] : [fc.record({ case: fc.constant(field.localName), value })];
  });
  return fc.oneof(fc.constant({ case: undefined }), ...cases);
}

function inner(desc: DescMessage, depth: number, complete: boolean): fc.Arbitrary<unknown> | undefined {
  if (depth >= depthLimit) return undefined;
  const value = fc.constant(undefined).chain(() => shape(desc, depth + 1, complete));
  // As callers mix them: what a message can be created from, with whole messages in it.
  return complete
    ? value.map((init) => withUnknown(desc, init))
    : fc.oneof(
        value,
        value.map((init) => create(desc, init)),
      );
}

function withUnknown(desc: DescMessage, init: Record<string, unknown>): Message {
  const { $unknown, ...fields } = init;
  const made = create(desc, fields);
  // The generator above made it.
  if ($unknown !== undefined) made.$unknown = $unknown as UnknownField[];
  return made;
}
