// Deciding what becomes of a read that was answered from the past.
import { type Kv, type KvExecutor, kvFrom } from "@etcdkit/core";
import { withOrdering } from "@etcdkit/ordering";
import { createEtcd, isEtcdError } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

/** Stands for a member that is cut off: from some moment on it answers with what was then. */
function cutOff(inner: KvExecutor): { readonly kv: Kv; cut(revision: bigint): void } {
  let past: bigint | undefined;
  return {
    kv: kvFrom({
      async execute(op, call) {
        const answer = await inner.execute(op, call);
        if (past === undefined || op.type !== "range") return answer;
        return { ...answer, header: { ...answer.header, revision: past } };
      },
    }),
    cut(revision) {
      past = revision;
    },
  };
}
const member = cutOff(etcd.kv);
const price = "ordering-stale/price";

// #region stale
const impatient = withOrdering(member.kv, {
  onStale({ floor, revision, answers }) {
    console.log("answer", answers, "is behind:", revision !== undefined && revision < floor);
    // Returning asks another member; throwing gives up, and the read rejects with what is thrown.
    if (answers === 2) throw new Error("prices are not up to date");
  },
});
// #endregion
const { header } = await impatient.put(price, "12");
member.cut(header.revision - 1n);
await impatient.get(price, { serializable: true }).catch((error: Error) => console.log(error.message));

// #region give-up
// Left alone, it gives up when all members were asked five times over.
const patient = withOrdering(member.kv);
await patient.put(price, "13");
try {
  await patient.get(price, { serializable: true });
} catch (error) {
  if (!isEtcdError(error, "NO_GREATER_REV")) throw error;
  console.log(error.code);
}
// #endregion

await etcd.kv.delete(price);

// Output:
// answer 1 is behind: true
// answer 2 is behind: true
// prices are not up to date
// NO_GREATER_REV
