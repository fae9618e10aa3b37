import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { etcdCacheDirectory } from "./etcd-binaries.js";
import { buildGoProgram, GoModulesError, goVersion } from "./go-program.js";

const version = await goVersion();
let sources: string;
let cache: string;

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), "etcdkit-go-"));
  cache = await mkdtemp(join(tmpdir(), "etcdkit-cache-"));
  await writeFile(join(sources, "go.mod"), "module example.com/greeting\n\ngo 1.21\n");
});

afterAll(() => Promise.all([sources, cache].map((folder) => rm(folder, { recursive: true, force: true }))));

afterEach(() => void vi.unstubAllEnvs());

const build = () => buildGoProgram(sources, "greetings", { XDG_CACHE_HOME: cache });
const greet = (word: string) =>
  writeFile(join(sources, "main.go"), `package main\n\nfunc main() { print(${word}) }\n`);

describe.skipIf(version === undefined)("a Go program of one's own", () => {
  it("is built once, and again when its sources are others", async () => {
    await greet('"good morning"');
    const [morning, again] = await Promise.all([build(), build()]);
    expect(again).toBe(morning);
    expect(await build()).toBe(morning);
    await greet('"good evening"');
    const evening = await build();
    expect(evening).not.toBe(morning);
    const said = async (program = "") => (await promisify(execFile)(program)).stderr;
    expect([await said(morning), await said(evening)]).toEqual(["good morning", "good evening"]);
  }, 60_000);

  it("is not there when it cannot be built: the error is the compiler's", async () => {
    await greet("nothing");
    const error: unknown = await build().catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(GoModulesError);
    expect(error).toMatchObject({ message: expect.stringContaining("undefined: nothing") });
    const built = await readdir(join(etcdCacheDirectory({ XDG_CACHE_HOME: cache }), "..", "greetings"));
    expect(built.every((name) => /^go-[0-9a-f]{16}$/.test(name))).toBe(true);
  }, 60_000);

  it("is told from one whose modules cannot be fetched", async () => {
    vi.stubEnv("GOPROXY", "off");
    await writeFile(
      join(sources, "main.go"),
      'package main\n\nimport _ "example.com/absent"\n\nfunc main() {}\n',
    );
    await writeFile(
      join(sources, "go.mod"),
      "module example.com/greeting\n\ngo 1.21\n\nrequire example.com/absent v1.0.0\n",
    );
    await expect(build()).rejects.toThrow(GoModulesError);
  }, 60_000);
});
