import { expect, it } from "vitest";
import { endsWithinMs, runProgram } from "../support/child.js";
import { describeNewestEtcd } from "../support/newest.js";

// On the newest server only: what a process waits for is the client's doing.
describeNewestEtcd("a process with a watch", (etcd) => {
  const shared = etcd.shared();

  it.each(["close of the watch", "close of the watcher", "close of the connection", "abort", "break"])(
    "ends by itself after the %s, and without a complaint",
    async (way) => {
      const program = new URL("./programs/ends.mjs", import.meta.url);
      const end = await runProgram(program, [shared.endpoints.join(), way]);
      expect(end).toMatchObject({ exitCode: 0, output: "done\n", errors: "" });
      expect(end.lingeredMs).toBeLessThan(endsWithinMs);
    },
  );
});
