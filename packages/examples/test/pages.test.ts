import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const pages = [
  ...(await pagesIn(".")),
  ...(await pagesIn("docs")),
  ...(await pagesIn("docs/decisions")),
  ...(await readdir(join(root, "packages")))
    .map((name) => `packages/${name}/README.md`)
    .filter((page) => existsSync(join(root, page))),
];

async function pagesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(join(root, directory));
  return names.filter((name) => name.endsWith(".md")).map((name) => join(directory, name));
}

function read(path: string): Promise<string> {
  return readFile(join(root, path), "utf8");
}

/** The names of an interface's fields, as its source declares them. */
async function fieldsOf(path: string, name: string): Promise<readonly string[]> {
  const [, body = ""] =
    new RegExp(`export interface ${name}[^{]* \\{\\n(.*?)\\n\\}`, "s").exec(await read(path)) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field = ""]) => field);
}

/** What the tables of a page have in their first column. */
async function rowsOf(path: string): Promise<readonly string[]> {
  const rows = (await read(path)).matchAll(/^\| (`\w.*?`) \|/gm);
  return [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word));
}

describe("the pages", () => {
  it.each(["README.md", "packages/core/README.md"])("%s lists every option of connect", async (page) => {
    const options = await fieldsOf("packages/core/src/connection/connect-options.ts", "ConnectOptions");
    expect(options).toContain("endpoints");
    expect(await rowsOf(page)).toEqual(expect.arrayContaining([...options]));
  });

  it("packages/core/README.md lists every option of a call", async () => {
    const options = await fieldsOf("packages/core/src/call-options.ts", "CallOptions");
    expect(options).toContain("timeoutMs");
    expect(await rowsOf("packages/core/README.md")).toEqual(expect.arrayContaining([...options]));
  });

  it("packages/kv/README.md lists every option of a read", async () => {
    const path = "packages/core/src/kv/op-options.ts";
    const options = [...(await fieldsOf(path, "GetOpOptions")), ...(await fieldsOf(path, "RangeOpOptions"))];
    expect(options).toEqual(expect.arrayContaining(["revision", "sort"]));
    expect(await rowsOf("packages/kv/README.md")).toEqual(expect.arrayContaining([...options]));
  });

  it("packages/examples/README.md lists every example", async () => {
    const page = await read("packages/examples/README.md");
    const programs = (await readdir(join(root, "packages/examples/src"))).filter(
      (name) => name.endsWith(".ts") && name !== "endpoints.ts",
    );
    expect(programs).toContain("put.ts");
    expect(programs.filter((file) => !page.includes(`(src/${file})`))).toEqual([]);
  });

  it.each(pages)("%s links to what is there", async (page) => {
    const links = [...(await read(page)).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(
      ([, link = ""]) => link,
    );
    const local = links.filter((link) => !/^https?:/.test(link));
    expect(local.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});
