import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job, Sample } from "./job.js";
import { type RunOptions, runJob } from "./run-job.js";
import { getWorkloads } from "./workloads/get.js";

const [workload] = getWorkloads;
if (workload === undefined) throw new Error("there is no workload to test with");
const job: Job = { client: "fake", endpoint: "http://fake:2379", workload, warmUpMs: 0, measureMs: 1 };
const sample: Sample = {
  operations: 3,
  seconds: 1,
  cpuSeconds: 0.1,
  peakRssBytes: 1024,
  allocatedBytes: 10,
  collections: 0,
  latencies: [[5, 3]],
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "etcdkit-bench-test-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the job with a program that is this shell script; `$1` is the job. */
async function runScript(script: string, options: Partial<RunOptions> = {}): Promise<Sample> {
  const program = join(directory, `program-${Math.random()}`);
  await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return runJob(job, { program, signal: new AbortController().signal, ...options });
}

describe("runJob", () => {
  it("resolves with the sample that the process prints", async () => {
    const script = `case "$1" in *'"name":"get-1"'*) echo '${JSON.stringify(sample)}' ;; esac`;
    expect(await runScript(script)).toEqual(sample);
  });

  it("rejects with what the process complained about", async () => {
    await expect(runScript("echo no server >&2; exit 3")).rejects.toThrow("ended with exit 3: no server");
  });

  it("rejects when what is printed is no sample", async () => {
    await expect(runScript("echo '{\"operations\":1}'")).rejects.toThrow(/sample: seconds/);
  });

  it("rejects when there is no such program", async () => {
    const signal = new AbortController().signal;
    await expect(runJob(job, { program: join(directory, "none"), signal })).rejects.toThrow(/ENOENT/);
  });

  it("ends a process that takes too long", async () => {
    await expect(runScript("exec sleep 60", { graceMs: 50 })).rejects.toThrow("took too long");
  });

  it("ends the process when the signal aborts, and rejects with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const running = runScript("kill -USR2 $PPID; exec sleep 60", { signal: controller.signal });
    process.once("SIGUSR2", () => controller.abort(reason));
    await expect(running).rejects.toBe(reason);
    await expect(runScript("true", { signal: controller.signal })).rejects.toBe(reason);
  });
});
