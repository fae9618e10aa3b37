import {
  type BranchOp,
  type Compare,
  compare,
  type Kv,
  op,
  type TxnParts,
  type TxnResult,
  utf8,
} from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { type Ground, type KvSetup, on } from "./ground.js";

type Parts = TxnParts<readonly BranchOp[], readonly BranchOp[]>;

const entries: readonly (readonly [name: string, run: (kv: Kv, parts: Parts) => Promise<TxnResult>])[] = [
  ["txn", (kv, parts) => kv.txn(parts)],
  ["execute", (kv, parts) => kv.execute(op.txn(parts))],
  [
    "a nested txn",
    async (kv, parts) => {
      const outer = await kv.txn({ success: [op.txn(parts)] });
      if (!outer.succeeded) throw new Error("a transaction without compares succeeds");
      return outer.responses[0];
    },
  ],
];

/** Transactions, by each way to run one. */
export function describeTransactions(setup: KvSetup, maxTxnOps: number): void {
  for (const [name, run] of entries) {
    describe(`txn, through ${name}`, () => {
      describeBranches(setup, run);
      describeCompares(setup, run);
    });
  }
  describe("txn", () => {
    describeTyped(setup);
    describeRefusals(setup, maxTxnOps);
  });
}

type Run = (typeof entries)[number][1];

function describeBranches(setup: KvSetup, run: Run): void {
  // txn_test.go:TestTxnSuccess
  it(
    "succeeds without compares, also when it is empty",
    on(setup, async ({ kv, key, value }) => {
      await expect(run(kv, {})).resolves.toMatchObject({ succeeded: true, responses: [] });
      await expect(run(kv, { failure: [op.put(key("a"), "no")] })).resolves.toMatchObject({ responses: [] });
      expect(await value("a")).toBeUndefined();
    }),
  );

  // common/txn_test.go:TestTxnSucc, TestTxnFail
  it(
    "does one list or the other, as the compares say, and answers each of its operations",
    on(setup, async ({ kv, key, prefix, names, write, value }) => {
      await write(["key with space", "1"], ['key "quoted"', "2"]);
      const attempt = async (expected: string): Promise<TxnResult> =>
        await run(kv, {
          compare: [
            compare.value(key("key with space")).equals(expected),
            compare.value(key('key "quoted"')).equals("2"),
          ],
          success: [
            op.put(key("done"), "yes", { prevKv: true }),
            op.range(prefix()),
            op.delete(key("key with space")),
          ],
          failure: [op.range(key('key "quoted"')), op.put(key("done"), "no")],
        });
      const failed = await attempt("2");
      expect(failed.succeeded).toBe(false);
      expect(failed.responses).toMatchObject([{ count: 1, kvs: [{ version: 1n }] }, { header: {} }]);
      expect(await value("done")).toBe("no");
      const succeeded = await attempt("1");
      expect(succeeded.succeeded).toBe(true);
      expect(succeeded.responses).toMatchObject([{ prevKv: { version: 1n } }, { count: 3 }, { deleted: 1 }]);
      expect(names((await kv.range(prefix())).kvs)).toEqual(["done", 'key "quoted"']);
    }),
  );

  it(
    "does its operations in order, each seeing those before it, at one revision",
    on(setup, async ({ kv, key, prefix }) => {
      const { responses } = await run(kv, {
        success: [op.range(key("a")), op.put(key("a"), "1"), op.range(key("a")), op.put(key("b"), "2")],
      });
      expect(responses).toMatchObject([{ count: 0 }, { header: {} }, { count: 1 }, { header: {} }]);
      const { kvs } = await kv.range(prefix());
      expect(new Set(kvs.map(({ modRevision }) => modRevision)).size).toBe(1);
    }),
  );

  // txn_test.go:TestTxnNested, v3_grpc_test.go:TestV3TxnNestedPath
  it(
    "nests to any depth, each transaction with compares of its own",
    on(setup, async ({ kv, key, value }) => {
      const inner = op.txn({
        compare: [compare.exists(key("none"))],
        success: [op.put(key("a"), "no")],
        failure: [op.put(key("b"), "yes")],
      });
      const middle = op.txn({
        compare: [compare.missing(key("b"))],
        success: [op.put(key("c"), "yes"), inner],
      });
      const { responses } = await run(kv, { success: [middle, op.put(key("d"), "yes")] });
      expect(responses).toMatchObject([
        { succeeded: true, responses: [{ header: {} }, { succeeded: false, responses: [{ header: {} }] }] },
        { header: {} },
      ]);
      expect([await value("a"), await value("b"), await value("c"), await value("d")]).toEqual([
        undefined,
        "yes",
        "yes",
        "yes",
      ]);
    }),
  );
}

function describeCompares(setup: KvSetup, run: Run): void {
  const holds = async ({ kv }: Ground, condition: Compare): Promise<boolean> =>
    (await run(kv, { compare: [condition] })).succeeded;

  it(
    "compares value, version, revisions and lease by each relation",
    on(setup, async (ground) => {
      const [created, modified] = await ground.write(["a", "m"], ["a", "n"]);
      const key = ground.key("a");
      const rows: readonly (readonly [Compare, boolean])[] = [
        [compare.value(key).equals("n"), true],
        [compare.value(key).equals("m"), false],
        [compare.value(key).notEquals("m"), true],
        [compare.value(key).notEquals("n"), false],
        [compare.value(key).greaterThan("m\u{10ffff}"), true],
        [compare.value(key).greaterThan("n"), false],
        [compare.value(key).lessThan("n\0"), true],
        [compare.value(key).lessThan(""), false],
        [compare.version(key).equals(2n), true],
        [compare.version(key).notEquals(2n), false],
        [compare.version(key).greaterThan(1n), true],
        [compare.version(key).lessThan(2n), false],
        [compare.createRevision(key).equals(created), true],
        [compare.createRevision(key).notEquals(created), false],
        [compare.createRevision(key).lessThan(modified), true],
        [compare.createRevision(key).greaterThan(created), false],
        [compare.modRevision(key).equals(modified), true],
        [compare.modRevision(key).notEquals(created), true],
        [compare.modRevision(key).greaterThan(created), true],
        [compare.modRevision(key).lessThan(modified), false],
        [compare.lease(key).equals(0n), true],
        [compare.lease(key).notEquals(0n), false],
        [compare.lease(key).lessThan(1n), true],
        [compare.lease(key).greaterThan(0n), false],
      ];
      const found: boolean[] = [];
      for (const [condition] of rows) found.push(await holds(ground, condition));
      expect(found).toEqual(rows.map(([, expected]) => expected));
    }),
  );

  it(
    "counts version, revisions and lease of a missing key as zero, and holds no compare of its value",
    on(setup, async (ground) => {
      const key = ground.key("none");
      for (const target of [compare.version, compare.createRevision, compare.modRevision, compare.lease]) {
        expect(await holds(ground, target(key).equals(0n))).toBe(true);
        expect(await holds(ground, target(key).greaterThan(0n))).toBe(false);
      }
      for (const relation of ["equals", "notEquals", "greaterThan", "lessThan"] as const) {
        expect(await holds(ground, compare.value(key)[relation](""))).toBe(false);
      }
    }),
  );

  // clientv3util: ExampleKeyExists, ExampleKeyMissing
  it(
    "guards creation and deletion by missing and exists",
    on(setup, async (ground) => {
      const { kv, key, value } = ground;
      const create = async (text: string): Promise<boolean> =>
        (await run(kv, { compare: [compare.missing(key("a"))], success: [op.put(key("a"), text)] }))
          .succeeded;
      const remove = async (): Promise<boolean> =>
        (await run(kv, { compare: [compare.exists(key("a"))], success: [op.delete(key("a"))] })).succeeded;
      expect([await remove(), await create("1"), await create("2"), await value("a")]).toEqual([
        false,
        true,
        false,
        "1",
      ]);
      expect([await remove(), await remove(), await value("a")]).toEqual([true, false, undefined]);
    }),
  );

  it(
    "needs every compare to hold",
    on(setup, async ({ kv, key, write }) => {
      await write(["a", "1"]);
      const yes = compare.exists(key("a"));
      const no = compare.missing(key("a"));
      for (const [conditions, expected] of [
        [[yes, yes], true],
        [[yes, no], false],
        [[no, yes], false],
      ] as const) {
        expect((await run(kv, { compare: conditions })).succeeded).toBe(expected);
      }
    }),
  );

  // txn_test.go:TestTxnCompareRange, v3_grpc_test.go:TestV3TxnRangeCompare
  it(
    "compares every key of a range, and takes a range without keys for a missing key",
    on(setup, async (ground) => {
      const { key, prefix, between } = ground;
      const [a, b] = await ground.write(["a", "1"], ["b", "2"], ["ca", "3"]);
      const rows: readonly (readonly [Compare, boolean])[] = [
        [compare.createRevision(between("a", "b")).equals(a), true],
        [compare.createRevision(between("a", "c")).equals(a), false],
        [compare.createRevision(between("a", "c")).lessThan(b + 1n), true],
        [compare.createRevision(prefix()).lessThan(b + 1n), false],
        [compare.value(prefix("c")).equals("3"), true],
        [compare.value(prefix()).greaterThan("0"), true],
        [compare.value(prefix()).notEquals("2"), false],
        [compare.exists(prefix("c")), true],
        [compare.missing(prefix("c")), false],
        [compare.exists(prefix("d")), false],
        [compare.missing(prefix("d")), true],
        [compare.modRevision(between("d", "e")).equals(0n), true],
        [compare.value(prefix("d")).notEquals("3"), false],
        [compare.exists({ from: key("ca") }), true],
        [compare.exists({ prefix: "" }), true],
      ];
      const found: boolean[] = [];
      for (const [condition] of rows) found.push(await holds(ground, condition));
      expect(found).toEqual(rows.map(([, expected]) => expected));
    }),
  );
}

function describeTyped(setup: KvSetup): void {
  it(
    "gives each operation an answer of its own type",
    on(setup, async ({ kv, key, write }) => {
      await write(["a", "1"]);
      const result = await kv.txn({
        compare: [compare.value(key("a")).equals("1")],
        success: [op.range(key("a")), op.delete(key("a")), op.put(key("b"), "2")],
        failure: [op.range(key("b"))],
      });
      if (!result.succeeded) throw new Error("the compare holds");
      const [read, removed, put] = result.responses;
      expect(read.kvs.map((found) => utf8(found.value))).toEqual(["1"]);
      expect(removed.deleted).toBe(1);
      expect(put.prevKv).toBeUndefined();
    }),
  );

  // v3_grpc_test.go:TestV3TxnRevision, TestV3TxnCmpHeaderRev
  it(
    "answers with the revision of its writes",
    on(setup, async ({ kv, key, write }) => {
      const [before] = await write(["a", "1"]);
      const { header } = await kv.txn({
        compare: [compare.missing(key("a"))],
        failure: [op.put(key("b"), "2")],
      });
      expect(header.revision).toBeGreaterThan(before);
      expect((await kv.get(key("b")))?.modRevision).toBe(header.revision);
    }),
  );
}

function describeRefusals(setup: KvSetup, maxTxnOps: number): void {
  async function expectRefused(
    ground: Ground,
    parts: Parts,
    code: string,
    outcome = /^not-applied$/,
  ): Promise<void> {
    await expect(ground.kv.txn(parts)).rejects.toMatchObject({
      code,
      outcome: expect.stringMatching(outcome),
    });
    expect((await ground.kv.range(ground.prefix(), { countOnly: true })).count).toBe(0);
  }

  // txn_test.go:TestTxnError, v3_grpc_test.go:TestV3TxnDuplicateKeys
  it(
    "rejects two writes of one key in a list with DUPLICATE_KEY and does none of them",
    on(setup, async (ground) => {
      const { kv, key, prefix, between } = ground;
      const put = op.put(key("a"), "1");
      for (const success of [
        [put, op.put(key("a"), "2")],
        [put, op.delete(key("a"))],
        [put, op.delete(prefix())],
        [op.delete(between("a", "b")), put],
        [put, op.txn({ success: [put] })],
        [put, op.txn({ compare: [compare.exists(key("z"))], failure: [op.delete(prefix("a"))] })],
      ]) {
        await expectRefused(ground, { success }, "DUPLICATE_KEY");
      }
      await expectRefused(ground, { failure: [put, put] }, "DUPLICATE_KEY");
      await kv.txn({ success: [put], failure: [put] });
      expect(await ground.value("a")).toBe("1");
    }),
  );

  // v3_grpc_test.go:TestV3TxnTooManyOps
  it(
    "rejects lists longer than the server's limit with TOO_MANY_OPS and takes lists at the limit",
    on(setup, async (ground) => {
      const { kv, key } = ground;
      const numbers = Array.from({ length: maxTxnOps + 1 }, (_, i) => i);
      const puts = numbers.map((i) => op.put(key(`k${i}`), ""));
      const compares = numbers.map((i) => compare.missing(key(`k${i}`)));
      await expectRefused(ground, { success: puts }, "TOO_MANY_OPS");
      await expectRefused(ground, { failure: puts }, "TOO_MANY_OPS");
      await expectRefused(ground, { compare: compares }, "TOO_MANY_OPS");
      await expectRefused(ground, { success: [op.txn({ success: puts })] }, "TOO_MANY_OPS");
      const full = await kv.txn({ compare: compares.slice(1), success: puts.slice(1) });
      expect([full.succeeded, full.responses.length]).toEqual([true, maxTxnOps]);
    }),
  );

  // v3_grpc_test.go:TestV3TxnInvalidRange
  it(
    "does nothing when one operation cannot be done",
    on(setup, async (ground) => {
      const { key } = ground;
      const put = op.put(key("a"), "1");
      // Who asks one member of a cluster before 3.7 cannot know that the others did nothing either.
      await expectRefused(
        ground,
        { success: [put, op.range(key("b"), { revision: 2n ** 62n })] },
        "FUTURE_REV",
        /^(not-applied|unknown)$/,
      );
      await expectRefused(
        ground,
        { success: [put, op.put(key("b"), undefined, { ignoreValue: true })] },
        "KEY_NOT_FOUND",
      );
      await expectRefused(ground, { success: [put, op.put("", "1")] }, "EMPTY_KEY");
      await expectRefused(ground, { success: [put, op.range("")] }, "EMPTY_KEY");
      await expectRefused(ground, { compare: [compare.exists("")], success: [put] }, "EMPTY_KEY");
    }),
  );
}
