import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { finished } from "node:stream/promises";

/**
 * Ends processes and removes a folder when the pipe to it closes, however that comes about: {@link Watchdog.close}, the
 * normal end of this process, an uncaught error, or SIGKILL. It runs in a session of its own, so that a Ctrl-C in the
 * terminal does not end it before its work is done.
 *
 * It is a shell script since it must be small, start at once and share nothing with this process. A process id is
 * struck off when its process ended, so that a later owner of the number is safe.
 */
const script = `
trap '' HUP INT TERM
pids=" "
while read -r verb pid; do
  case "$verb" in
    guard) pids="$pids$pid " ;;
    release) case "$pids" in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
cd /
tries=0
while ! rm -rf -- "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
`;

/** See {@link startWatchdog}. */
export interface Watchdog {
  /** Kill this process, which must not have ended yet, when the watchdog's time comes. */
  guard(pid: number): void;
  /** This process has ended. */
  release(pid: number): void;
  /** Kills what is guarded and removes the folder; resolves when that is done. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a watchdog over a folder and the processes that work in it. It does not keep this process alive.
 *
 * @param directory - Removed with all its contents at the end.
 */
export function startWatchdog(directory: string): Watchdog {
  const shell = spawn("/bin/sh", ["-c", script, "etcdkit-watchdog", directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const ended = once(shell, "exit");
  ended.catch(() => undefined); // no shell: reported by close(), the rest of the run is not worse for it
  shell.stdin.on("error", () => undefined);
  unreference(shell);
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    shell.ref();
    shell.stdin.end();
    await finished(shell.stdin).catch(() => undefined);
    await ended;
  }

  return {
    guard: (pid) => void shell.stdin.write(`guard ${pid}\n`),
    release: (pid) => void shell.stdin.write(`release ${pid}\n`),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function unreference(child: ChildProcess): void {
  child.unref();
  // A pipe to a child is a socket, though its type does not say so.
  (child.stdin as unknown as { unref(): void } | null)?.unref();
}
