import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Failure, Interrupted, report } from "./failure.mjs";
import { run } from "./run.mjs";
import { bringToolchain } from "./toolchain.mjs";

// As a shell ends after Ctrl-C.
const interruptedCode = 130;

/**
 * Runs `main` when its module is the program that was started, under a Node that this workspace can use: on any other
 * the program is started again with the one of `.toolchain`. What `main` resolves to is the exit code.
 *
 * @param {string} moduleUrl `import.meta.url` of the module.
 * @param {(args: readonly string[]) => Promise<number | undefined>} main
 */
export async function entry(moduleUrl, main) {
  const script = fileURLToPath(moduleUrl);
  if (process.argv[1] === undefined || realpathSync(process.argv[1]) !== script) return;
  try {
    process.exitCode = await start(script, process.argv.slice(2), main);
  } catch (error) {
    report(error);
    process.exitCode = error instanceof Interrupted ? interruptedCode : 1;
  }
}

async function start(script, args, main) {
  if (Number.parseInt(process.versions.node, 10) < 18) {
    throw new Failure(
      `Node ${process.version} is too old to set this workspace up: install Node 18 or later.`,
    );
  }
  const node = await bringToolchain();
  if (node === process.execPath) return (await main(args)) ?? 0;
  try {
    const { code } = await run(node, [script, ...args], { show: true });
    return code;
  } catch (error) {
    // The program has said so itself.
    if (error instanceof Interrupted) return interruptedCode;
    throw error;
  }
}
