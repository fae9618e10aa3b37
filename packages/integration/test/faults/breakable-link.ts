import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openBridge, openFrameProxy } from "@etcdkit/testing";

const run = promisify(execFile);

/** A way to a server that loses what it carries. */
export interface BreakableLink extends AsyncDisposable {
  readonly endpoint: string;
  /** From now on nothing comes through, no first packets of connections either, and nobody is told. */
  goDark(): Promise<void>;
  /** Everything comes through again. */
  goOn(): Promise<void>;
  /** From now on packets are tiny, and many are lost. */
  loseSome(): Promise<void>;
  /** The share of packets that was lost, 0 to 1; `undefined` where none are. */
  lost(): Promise<number | undefined>;
}

/** How a link is made to a server that listens on a unix socket. */
export interface LinkKind {
  readonly name: string;
  open(endpoint: string): Promise<BreakableLink>;
}

/** TCP that a bridge delays. It loses nothing, but what a client sees of lost packets is just that: pieces that come late. */
const bridged: LinkKind = {
  name: "a bridge",
  async open(endpoint) {
    const proxy = await openFrameProxy(endpoint);
    const bridge = await openBridge(proxy.endpoint);
    return {
      endpoint: bridge.endpoint,
      goDark: () => bridge.stall(),
      goOn: () => bridge.pass(),
      loseSome: async () => {
        proxy.slice(tinyPacketBytes);
        bridge.latency(0, 40);
      },
      lost: () => Promise.resolve(undefined),
      [Symbol.asyncDispose]: async () => {
        await bridge.close();
        await proxy.close();
      },
    };
  },
};

/**
 * A second network in the kernel, a cable to it, and a program at its other end that carries connections on to the server.
 * It needs root's rights, and is gone when that program is.
 */
const cabled: LinkKind = {
  name: "a cable to another network",
  async open(endpoint) {
    const program = fileURLToPath(new URL("./programs/carrier.mjs", import.meta.url));
    const path = decodeURIComponent(new URL(endpoint).pathname);
    const carrier = spawn("unshare", ["--net", process.execPath, program, path], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ended = once(carrier, "exit");
    const close = async (): Promise<void> => {
      carrier.kill("SIGKILL");
      await ended;
    };
    try {
      const [port] = await once(carrier, "message");
      const cable = await layCable(carrier);
      return { ...cable, endpoint: `http://${cable.farAddress}:${port}`, [Symbol.asyncDispose]: close };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

// The least that every host must take (RFC 9293, 3.7.1: 536 bytes and 40 of headers).
const tinyPacketBytes = 536;
const nobody = "02:00:00:00:00:01";

interface Cable extends Pick<BreakableLink, "goDark" | "goOn" | "loseSome" | "lost"> {
  readonly farAddress: string;
}

/** One end of a cable. */
interface End {
  readonly device: string;
  readonly address: string;
  /** Runs a command of the system in the network where this end is. */
  run(...command: readonly string[]): Promise<string>;
}

async function layCable({ pid }: ChildProcess): Promise<Cable> {
  // Four addresses out of those for measurements on networks (RFC 2544), so that cables do not meet.
  const network = `198.${18 + randomInt(2)}.${randomInt(256)}`;
  const first = 4 * randomInt(64);
  const near: End = {
    device: `etcdkit${randomInt(2 ** 28).toString(16)}`,
    address: `${network}.${first + 1}`,
    run: async (file, ...args) => (await run(file, args)).stdout,
  };
  const far: End = {
    device: "cable",
    address: `${network}.${first + 2}`,
    run: async (...command) => (await run("nsenter", ["--target", `${pid}`, "--net", ...command])).stdout,
  };
  const peer = ["type", "veth", "peer", "name", far.device, "netns", `${pid}`];
  await near.run("ip", "link", "add", "name", near.device, ...peer);
  const ends = [
    [near, far],
    [far, near],
  ] as const;
  for (const [end] of ends) {
    await end.run("ip", "address", "add", `${end.address}/30`, "dev", end.device);
    await end.run("ip", "link", "set", end.device, "up");
  }
  return {
    farAddress: far.address,
    // Both ends address what they send to a card that does not exist.
    goDark: async () => {
      for (const [{ run, device }, { address }] of ends)
        await run("ip", "neighbour", "replace", address, "lladdr", nobody, "dev", device);
    },
    goOn: async () => {
      for (const [{ run, device }, { address }] of ends)
        await run("ip", "neighbour", "del", address, "dev", device);
    },
    // A bottleneck with room for few packets loses those of every burst, as bottlenecks on the way do.
    loseSome: async () => {
      const bottleneck = ["tbf", "rate", "4mbit", "burst", "1500", "limit", "2500"];
      for (const [{ run, device }] of ends) {
        await run("ip", "link", "set", device, "mtu", `${tinyPacketBytes + 40}`);
        await run("tc", "qdisc", "add", "dev", device, "root", ...bottleneck);
      }
    },
    lost: async () => {
      let [sent, dropped] = [0, 0];
      for (const [{ run, device }] of ends) {
        const [queue] = JSON.parse(await run("tc", "-s", "-j", "qdisc", "show", "dev", device, "root"));
        sent += queue.packets;
        dropped += queue.drops;
      }
      return dropped / (sent + dropped);
    },
  };
}

/** Why this machine has no cables; `undefined` when it has. */
async function whyNotCabled(): Promise<string | undefined> {
  const probe =
    "ip link add name cable type veth peer name other && tc qdisc add dev cable root tbf rate 4mbit burst 1500 limit 2500";
  return await run("unshare", ["--net", "sh", "-c", probe]).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

const obstacle = await whyNotCabled();
if (obstacle !== undefined)
  console.log(`Links are bridges only, since networks cannot be made here: ${obstacle}`);

/** The kinds of links that this machine has. */
export const linkKinds: readonly LinkKind[] = obstacle === undefined ? [bridged, cabled] : [bridged];
