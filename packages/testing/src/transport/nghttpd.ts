import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { type Environment, etcdCacheDirectory } from "../etcd-binaries.js";
import { freePorts } from "../free-ports.js";

const run = promisify(execFile);

/** nghttp2's server, of which frames can be asked that no other server sends. */
export interface NghttpdProgram {
  readonly path: string;
  /** A folder with libraries that came with it. */
  readonly libraries?: string | undefined;
}

/** Debian's packages that the program and its libraries are in. */
const packages = ["nghttp2-server", "libev4", "libjemalloc2"];

/**
 * Finds `nghttpd`: `NGHTTPD_BIN`, `PATH`, the cache folder of the etcd servers; last, Debian's packages are downloaded and
 * unpacked there. Nothing is installed.
 *
 * @returns The program, or the reason why there is none.
 */
export async function obtainNghttpd(
  env: Environment = process.env,
): Promise<NghttpdProgram | { readonly reason: string }> {
  const cache = join(dirname(etcdCacheDirectory(env)), "nghttp2");
  const chosen = env["NGHTTPD_BIN"];
  const candidates: NghttpdProgram[] = [
    ...(chosen ? [{ path: chosen }] : []),
    ...(env["PATH"] ?? "").split(delimiter).map((folder) => ({ path: join(folder, "nghttpd") })),
    unpackedIn(cache),
  ];
  for (const candidate of candidates) if (await runs(candidate)) return candidate;
  try {
    await unpackPackages(cache);
  } catch (error) {
    return { reason: `nghttpd is not on this machine and could not be fetched (${firstLine(error)})` };
  }
  const fetched = unpackedIn(cache);
  return (await runs(fetched)) ? fetched : { reason: "nghttpd of the distribution does not run here" };
}

function unpackedIn(cache: string): NghttpdProgram {
  return { path: join(cache, "nghttpd"), libraries: cache };
}

async function runs(program: NghttpdProgram): Promise<boolean> {
  try {
    await access(program.path, constants.X_OK);
    await run(program.path, ["--version"], { env: environmentOf(program), timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

function environmentOf({ libraries }: NghttpdProgram): NodeJS.ProcessEnv {
  return libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
}

/** What is needed lies flat in one folder afterwards, and only if all of it is there. */
async function unpackPackages(cache: string): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), "etcdkit-nghttpd-"));
  try {
    const options = { cwd: temporary, timeout: 60_000 };
    await run("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", "download", ...packages], options);
    const unpacked = join(temporary, "unpacked");
    for (const file of (await readdir(temporary)).filter((name) => name.endsWith(".deb"))) {
      await run("dpkg-deb", ["-x", join(temporary, file), unpacked]);
    }
    const flat = join(temporary, "flat");
    await mkdir(flat);
    const wanted = /\/(?:nghttpd|libev\.so\.[^/]*|libjemalloc\.so\.[^/]*)$/;
    for (const entry of await readdir(unpacked, { recursive: true })) {
      if (wanted.test(entry))
        await rename(join(unpacked, entry), join(flat, entry.slice(entry.lastIndexOf("/") + 1)));
    }
    await mkdir(dirname(cache), { recursive: true });
    await rm(cache, { recursive: true, force: true });
    await run("cp", ["-a", flat, cache]);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1).join();
}

/** A running `nghttpd`. */
export interface Nghttpd extends AsyncDisposable {
  /** `https` where it was given a key and a certificate. */
  readonly endpoint: string;
  /** Stops it. Idempotent. */
  close(): Promise<void>;
}

export interface NghttpdOptions {
  /** Files that it serves, by their path below the root. Those that end in `.grpc` are gRPC bodies. */
  readonly documents?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Further arguments of the command line. */
  readonly args?: readonly string[] | undefined;
  /** Key and certificate, PEM. Default: plaintext. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

/** Starts the program on a free port of the loopback interface. */
export async function startNghttpd(program: NghttpdProgram, options: NghttpdOptions = {}): Promise<Nghttpd> {
  const { documents = {}, args = [], tls } = options;
  const folder = await mkdtemp(join(tmpdir(), "etcdkit-nghttpd-"));
  const root = join(folder, "root");
  await mkdir(root);
  const mimeTypes = join(folder, "mime.types");
  await writeFile(mimeTypes, "application/grpc grpc\n");
  for (const [path, content] of Object.entries(documents)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const [port] = await freePorts(1);
  const files = tls === undefined ? [] : [join(folder, "key.pem"), join(folder, "cert.pem")];
  const contents = [tls?.key ?? "", tls?.cert ?? ""];
  for (const [index, file] of files.entries()) await writeFile(file, contents[index] ?? "", { mode: 0o600 });
  const child = spawn(
    program.path,
    [
      `--address=127.0.0.1`,
      `--htdocs=${root}`,
      `--mime-types-file=${mimeTypes}`,
      ...(tls === undefined ? ["--no-tls"] : []),
      ...args,
      String(port),
      ...files,
    ],
    { env: environmentOf(program), stdio: "ignore" },
  );
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= stop(child).then(() => rm(folder, { recursive: true, force: true }));
    return closing;
  };
  try {
    await untilListening(child, port ?? 0);
  } catch (error) {
    await close();
    throw error;
  }
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  return { endpoint, close, [Symbol.asyncDispose]: close };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

/** The program does not say when it listens, so it is asked. */
async function untilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  child.on("exit", (code) => {
    failure ??= new Error(`nghttpd ended with ${code} before it listened`);
  });
  while (performance.now() < deadline) {
    if (failure !== undefined) throw failure;
    if (await canConnect(port)) return;
    await delay(20);
  }
  throw new Error("nghttpd did not listen within 10 s");
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
