import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { entry } from "./lib/entry.mjs";
import { inRoot, packages, root } from "./lib/workspace.mjs";

/** The pages whose programs must be ones that are run. */
function pages() {
  const docs = existsSync(inRoot("docs")) ? readdirSync(inRoot("docs")) : [];
  return ["README.md"]
    .concat(packages().map(({ directory }) => join(relative(root, directory), "README.md")))
    .concat(docs.filter((name) => name.endsWith(".md")).map((name) => join("docs", name)))
    .filter((page) => existsSync(inRoot(page)));
}

const programLanguages = new Set(["ts", "typescript", "mts", "js", "javascript", "mjs"]);
const mark = /^\s*<!--\s*snippet:\s*(\S+?)(?:#(\S+))?\s*-->\s*$/;

/**
 * The text between `// #region name` and its `// #endregion`, without the indentation that its lines share. Regions may
 * lie within each other; their marks are left out. Without a name: the whole file.
 */
export function region(source, name) {
  const kept = [];
  const open = [];
  let found = name === undefined;
  for (const line of source.split("\n")) {
    const start = /^\s*\/\/ ?#region\s+(\S+)/.exec(line);
    if (start) {
      open.push(start[1]);
      found ||= start[1] === name;
    } else if (/^\s*\/\/ ?#endregion\b/.test(line)) {
      open.pop();
    } else if (name === undefined || open.includes(name)) {
      kept.push(line);
    }
  }
  if (!found) return undefined;
  if (open.length > 0) throw new Error(`#region ${open.at(-1)} has no #endregion`);
  return dedent(kept);
}

function dedent(lines) {
  while (lines[0]?.trim() === "") lines.shift();
  while (lines.at(-1)?.trim() === "") lines.pop();
  const margins = lines
    .filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const margin = Math.min(...margins);
  return lines.map((line) => line.slice(margin).trimEnd());
}

/**
 * A page with its snippets brought up to date.
 *
 * @param {string} text The page.
 * @param {(path: string) => string | undefined} read A file of the checkout by its path; undefined when there is none.
 * @returns {{ text: string, problems: readonly string[] }} Problems name the line that has them.
 */
export function renew(text, read) {
  const lines = text.split("\n");
  const result = [];
  const problems = [];
  let wanted;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    result.push(line);
    const marked = mark.exec(line);
    if (marked) {
      wanted = { path: marked[1], name: marked[2], line: i + 1 };
      continue;
    }
    const fence = /^(\s*)(`{3,}|~{3,})(\S*)/.exec(line);
    if (!fence) {
      if (wanted && line.trim() !== "") {
        problems.push(`${wanted.line}: no code block follows this snippet mark`);
        wanted = undefined;
      }
      continue;
    }
    const end = lines.findIndex((other, at) => at > i && other.trim() === fence[2]);
    if (end === -1) {
      problems.push(`${i + 1}: this code block has no end`);
      result.push(...lines.slice(i + 1));
      break;
    }
    const snippet = wanted ? find(wanted, read, problems) : undefined;
    if (!wanted && programLanguages.has(fence[3])) {
      problems.push(`${i + 1}: a program without a snippet mark: nobody runs it`);
    }
    const indented = snippet?.map((code) => (code === "" ? "" : fence[1] + code));
    result.push(...(indented ?? lines.slice(i + 1, end)), lines[end]);
    wanted = undefined;
    i = end;
  }
  return { text: result.join("\n"), problems };
}

function find({ path, name, line }, read, problems) {
  const source = read(path);
  if (source === undefined) {
    problems.push(`${line}: ${path} does not exist`);
    return undefined;
  }
  const code = region(source, name);
  if (code === undefined) problems.push(`${line}: ${path} has no region ${name}`);
  return code;
}

await entry(import.meta.url, async (args) => {
  const check = args.includes("--check");
  const read = (path) => (existsSync(inRoot(path)) ? readFileSync(inRoot(path), "utf8") : undefined);
  let failed = false;
  const found = pages();
  for (const page of found) {
    const before = readFileSync(inRoot(page), "utf8");
    const { text, problems } = renew(before, read);
    for (const problem of problems) console.error(`${page}:${problem}`);
    failed ||= problems.length > 0;
    if (text === before) continue;
    if (check) {
      console.error(`${page}: its snippets differ from their sources: run \`pnpm snippets\``);
      failed = true;
    } else {
      writeFileSync(inRoot(page), text);
      console.log(`${page}: renewed`);
    }
  }
  if (!failed) console.log(`${found.length} pages have the programs that are run`);
  return failed ? 1 : 0;
});
