import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { startWatchdog } from "./watchdog.js";

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "etcdkit watchdog-"));
  await writeFile(join(folder, "file"), "");
  return folder;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function endOf(child: ChildProcess | undefined): Promise<string | null | undefined> {
  if (child?.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child?.signalCode;
}

/** Another Node process that starts a watchdog, lets it guard a child, and tells the child's process id. */
function startElsewhere(folder: string): ChildProcess {
  const program = `
    import { spawn } from "node:child_process";
    import { startWatchdog } from ${JSON.stringify(new URL("./watchdog.ts", import.meta.url).href)};
    const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
    startWatchdog(${JSON.stringify(folder)}).guard(child.pid);
    console.log(child.pid);
    setInterval(() => undefined, 1000);`;
  const flag = "--experimental-strip-types"; // on by default in newer versions, which may not know the flag
  const flags = process.allowedNodeEnvironmentFlags.has(flag) ? [flag] : [];
  return spawn(process.execPath, [...flags, "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("a watchdog", () => {
  it("kills what it guards, spares what was released, and removes the folder", async () => {
    const folder = await newFolder();
    const watchdog = startWatchdog(folder);
    const [first, released, last] = [1, 2, 3].map(() => spawn("sleep", ["60"]));
    for (const child of [first, released, last]) watchdog.guard(child?.pid ?? 0);
    watchdog.release(released?.pid ?? 0);
    await Promise.all([watchdog.close(), watchdog.close()]);
    expect(await exists(folder)).toBe(false);
    expect([await endOf(first), await endOf(last)]).toEqual(["SIGKILL", "SIGKILL"]);
    expect(isAlive(released?.pid ?? 0)).toBe(true);
    released?.kill("SIGTERM");
    expect(await endOf(released)).toBe("SIGTERM");
  });

  it("does so when the process that it works for is killed", async () => {
    const folder = await newFolder();
    const other = startElsewhere(folder);
    const [line] = other.stdout === null ? [] : await once(other.stdout, "data");
    const pid = Number(String(line).trim());
    expect(isAlive(pid)).toBe(true);
    other.kill("SIGKILL");
    await vi.waitUntil(() => !isAlive(pid), { timeout: 20_000 });
    await vi.waitUntil(async () => !(await exists(folder)), { timeout: 20_000 });
  }, 60_000);
});
