import { spawn } from "node:child_process";
import { constants } from "node:os";
import { Interrupted } from "./failure.mjs";

let interrupted = false;

const keptCharacters = 64 * 1024;

/**
 * Runs a program to its end.
 *
 * A program that fails is a result, not an exception; one that cannot be started ends with code 127, as in a shell.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, show?: boolean }} [options]
 *   `env` is added to ours. With `show`, the program has the terminal to itself; otherwise it reads nothing and the end
 *   of what it prints is returned.
 * @returns {Promise<{ code: number, output: string }>}
 * @throws {Interrupted} When we are asked to stop while it runs, or were before.
 */
export function run(command, args, { cwd, env, show = false } = {}) {
  if (interrupted) return Promise.reject(new Interrupted());
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: show ? "inherit" : ["ignore", "pipe", "pipe"],
      // npm and pnpm are .cmd files there, which only a shell can start.
      shell: process.platform === "win32" && !/[\\/]/.test(command),
    });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-keptCharacters);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);

    const release = passSignals(child);
    child.once("error", (error) => {
      release();
      resolve({ code: 127, output: error.message });
    });
    child.once("close", (code, signal) => {
      release();
      if (interrupted) reject(new Interrupted());
      else resolve({ code: code ?? 128 + constants.signals[signal], output });
    });
  });
}

/**
 * We outlive what we started, so that its last words come before the prompt. Ctrl-C reaches every process of the
 * terminal by itself; only where there is no terminal is it passed on, so that nobody gets it twice from us.
 */
function passSignals(child) {
  const interrupt = () => {
    interrupted = true;
    if (!process.stdin.isTTY) child.kill("SIGINT");
  };
  const terminate = () => {
    interrupted = true;
    child.kill("SIGTERM");
  };
  process.on("SIGINT", interrupt);
  // A terminal that closes says SIGHUP.
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, terminate);
  return () => {
    process.off("SIGINT", interrupt);
    for (const signal of ["SIGTERM", "SIGHUP"]) process.off(signal, terminate);
  };
}
