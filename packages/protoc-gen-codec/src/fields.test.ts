import {
  DoubleValueSchema,
  FieldDescriptorProtoSchema,
  FieldMaskSchema,
  ListValueSchema,
  StructSchema,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { closureOf } from "./closure.mjs";
import { kindOf, tagOf } from "./fields.mjs";
import { parseOptions } from "./options.mjs";

describe("kindOf", () => {
  it("tells what the generated functions can handle", () => {
    expect(kindOf(TimestampSchema.field.seconds)).toBe("int64");
    expect(tagOf(TimestampSchema.field.seconds)).toEqual({ tag: 8, size: 1 });
  });

  it.each([
    ["a map", StructSchema.field.fields],
    ["a double", DoubleValueSchema.field.value],
    ["an int32", TimestampSchema.field.nanos],
    ["a list of strings", FieldMaskSchema.field.paths],
    ["a field with presence", FieldDescriptorProtoSchema.field.name],
    ["a well-known type", ListValueSchema.field.values],
  ])("refuses %s rather than generating wrong code", (_what, field) => {
    expect(() => kindOf(field)).toThrow("codecs for such fields are not generated");
  });
});

describe("closureOf", () => {
  it("adds what a message contains, also what contains itself", () => {
    const names = closureOf(["google.protobuf.ListValue"], [ListValueSchema.file]).map(({ name }) => name);
    expect(names).toEqual(["Struct", "Value", "ListValue"]);
  });

  it("refuses a name that is none", () => {
    expect(() => closureOf(["google.protobuf.Nothing"], [ListValueSchema.file])).toThrow(
      "message: there is no google.protobuf.Nothing",
    );
  });
});

describe("parseOptions", () => {
  const runtime = { key: "runtime", value: "../codec" };

  it("collects the messages", () => {
    const message = ["a.B", "a.C"].map((value) => ({ key: "message", value }));
    expect(parseOptions([...message, runtime])).toEqual({ messages: ["a.B", "a.C"], runtime: "../codec" });
  });

  it.each([
    [[runtime], "message: names none"],
    [[{ key: "message", value: "a.B" }], "runtime: names no relative folder"],
    [[{ key: "mesage", value: "a.B" }], "mesage: there is no such option"],
  ])("refuses %o", (options, error) => {
    expect(() => parseOptions(options)).toThrow(error);
  });
});
