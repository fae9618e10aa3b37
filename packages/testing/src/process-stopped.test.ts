import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { processStopped } from "./process-stopped.js";

/** Writes to a file without a pause, once it has said so. */
const writer = `
const { openSync, writeSync } = require("node:fs");
const file = openSync(process.argv[1], "w");
writeSync(1, "ready");
for (;;) writeSync(file, "x");
`;

it("waits until a process that was told to stop does nothing any more, and rejects when it has ended", async () => {
  const directory = await mkdtemp(join(tmpdir(), "etcdkit-"));
  const file = join(directory, "written");
  const child = spawn(process.execPath, ["-e", writer, file], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const pid = child.pid ?? 0;
    for (let i = 0; i < 10; i++) {
      child.kill("SIGSTOP");
      await processStopped(pid);
      const { size } = await stat(file);
      await delay(5); // in which one that runs writes thousands of times
      expect((await stat(file)).size).toBe(size);
      child.kill("SIGCONT");
      await expect.poll(async () => (await stat(file)).size, { timeout: 15_000 }).toBeGreaterThan(size);
    }
    child.kill("SIGKILL");
    await once(child, "close");
    await expect(processStopped(pid)).rejects.toThrow(/ENOENT|ESRCH|ended/);
  } finally {
    child.kill("SIGKILL");
    await rm(directory, { recursive: true });
  }
});
