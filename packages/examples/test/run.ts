import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** How a program ended, and what it printed. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a built example to its end, with nothing of this process's environment that concerns etcd. */
export function runProgram(
  name: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const program = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
  if (!existsSync(program)) throw new Error(`${name} is not built: run \`npm run build\``);
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(ETCDCTL_|ETCD_(?!BIN|VERSIONS)|FORCE_COLOR)/.test(key),
  );
  const child = spawn(process.execPath, [program], {
    env: { ...Object.fromEntries(kept), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}
