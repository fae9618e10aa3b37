import { connect as connectSocket } from "node:net";
import { startEtcd } from "@etcdkit/testing";
import { createEtcd } from "etcdkit";
import { describe, expect, it } from "vitest";
import { runProgram } from "./run.js";

/** The results of the tour, in order; the prefix of the keys is another one each time. */
const results = [
  "written at revision N",
  "PREFIX/greeting = hello  (version 1)",
  "2 keys",
  "PREFIX/fruit/apple = 0",
  "PREFIX/fruit/banana = 1",
  "3 of 4 keys, more: true",
  "PREFIX/fruit/date = 3",
  "PREFIX/fruit/cherry = 2",
  "PREFIX/fruit/banana = 1",
  "succeeded: true",
  "PREFIX/greeting = good evening",
  "4 deleted",
  "PREFIX/greeting = hello",
  "EMPTY_KEY, not-applied",
  "etcdserver: key is not provided (Put at ENDPOINT)",
];

function resultsIn(output: string): readonly string[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("    → "))
    .map((line) =>
      line
        .slice("    → ".length)
        .replace(/quickstart-[0-9a-f]{8}/, "PREFIX")
        .replace(/revision \d+/, "revision N")
        .replace(/http:\/\/127\.0\.0\.1:\d+/, "ENDPOINT"),
    );
}

function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connectSocket(Number(port), hostname);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

describe("quickstart", () => {
  it("starts an etcd of its own, shows every step, and leaves nothing running", async () => {
    const { code, stdout, stderr } = await runProgram("quickstart");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(resultsIn(stdout)).toEqual(results);
    const [, endpoint] = /^Started etcd 3\.\d+\.\d+ at (http:\S+), in a temporary folder/m.exec(stdout) ?? [];
    if (endpoint === undefined) throw new Error(stdout);
    expect(await isListening(endpoint)).toBe(false);
  });

  it("uses the cluster of ETCD_ENDPOINTS and removes its keys there", async () => {
    await using cluster = await startEtcd();
    await using etcd = createEtcd({ endpoints: cluster.endpoints });
    await etcd.kv.put("mine", "stays");
    const endpoint = cluster.endpoints.join();
    const { code, stdout, stderr } = await runProgram("quickstart", { ETCD_ENDPOINTS: endpoint });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(resultsIn(stdout)).toEqual(results);
    expect(stdout).toContain(`Connected to etcd ${cluster.version} at ${endpoint}.`);
    expect((await etcd.kv.range({ from: "" }, { countOnly: true })).count).toBe(1);
  });

  it("shows the code that it runs", async () => {
    const { stdout } = await runProgram("quickstart");
    expect(stdout).toContain('    kv.put(greeting, "hello")\n    → written');
    expect(stdout).toContain('    kv.txn({\n        compare: [compare.value(greeting).equals("hello")],\n');
  });

  it("does without colour where nobody looks, and has it where it is wanted", async () => {
    const escapeCharacter = String.fromCharCode(0x1b);
    expect((await runProgram("quickstart")).stdout).not.toContain(escapeCharacter);
    expect((await runProgram("quickstart", { FORCE_COLOR: "1" })).stdout).toContain(
      `${escapeCharacter}[36mkv.get(greeting)`,
    );
  });

  it("says in a sentence that the cluster cannot be reached", async () => {
    const { code, stdout, stderr } = await runProgram("quickstart", { ETCD_ENDPOINTS: "127.0.0.1:1" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^\nThe cluster of ETCD_ENDPOINTS cannot be used: .*http:\/\/127\.0\.0\.1:1.* \(DEADLINE\)\.$/m,
    );
  });

  it("says in a sentence that the endpoints make no sense", async () => {
    const { code, stdout, stderr } = await runProgram("quickstart", { ETCD_ENDPOINTS: "ftp://somewhere" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      '\nETCD_ENDPOINTS: endpoint "ftp://somewhere": unknown scheme ftp://; use http://, https://, unix:, unixs: or none\n',
    );
  });

  it("says in a sentence that there is no etcd to start", async () => {
    const { code, stderr } = await runProgram("quickstart", { ETCD_VERSIONS: "1.0" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\nno etcd server on this machine among ETCD_VERSIONS=1\.0/);
  });
});
