import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { listen } from "./listen.js";

/**
 * The network between the members of one cluster, to be cut between any two of them.
 *
 * Each member sends what it has to say to the others through an HTTP proxy of its own; so it is known who speaks to
 * whom, which no proxy in front of a member could tell. Go passes no proxy for addresses of this machine, therefore peer
 * URLs name hosts that exist only here.
 */
export interface PeerNetwork extends AsyncDisposable {
  /** The environment that makes a member use its proxy. */
  environmentOf(name: string): Promise<Readonly<Record<string, string>>>;
  /**
   * Cuts what connects members that share no side, at once. A member may be on several sides. Members on no side form one
   * together.
   */
  partition(sides: readonly (readonly string[])[]): void;
  /** Lets every member reach every other again. */
  heal(): void;
  close(): Promise<void>;
}

const domain = ".etcdkit.test";

/** The peer URL that other members reach a member at through their proxies. */
export function proxiedPeerUrl(name: string, peerUrl: string): string {
  return `http://${name}${domain}:${new URL(peerUrl).port}`;
}

/** Makes the network. It does not keep the process alive. */
export function createPeerNetwork(): PeerNetwork {
  const proxies = new Map<string, Promise<Server>>();
  /** Every exchange under way, with who speaks to whom. */
  const exchanges = new Map<ServerResponse, { readonly from: string; readonly to: string }>();
  let sides: readonly (readonly string[])[] = [];

  const sidesOf = (name: string) => sides.filter((side) => side.includes(name));
  const isCut = (from: string, to: string): boolean => {
    const reached = sidesOf(from);
    return reached.length === 0 ? sidesOf(to).length > 0 : !reached.some((side) => side.includes(to));
  };

  function carry(from: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const url = new URL(incoming.url ?? "");
    const to = url.hostname.slice(0, -domain.length);
    incoming.on("error", () => undefined);
    outgoing.on("error", () => undefined);
    if (!url.hostname.endsWith(domain) || isCut(from, to)) {
      incoming.socket.destroy();
      return;
    }
    const { method, headers } = incoming;
    const onward = request({
      host: "127.0.0.1",
      port: url.port,
      path: `${url.pathname}${url.search}`,
      method,
      headers,
      agent: false, // one connection for each exchange: nothing waits behind an endless stream
    });
    exchanges.set(outgoing, { from, to });
    onward.on("socket", (socket) => socket.unref());
    onward.on("response", (answer) => {
      answer.on("error", () => outgoing.destroy());
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    onward.on("error", () => incoming.socket.destroy());
    outgoing.once("close", () => {
      exchanges.delete(outgoing);
      onward.destroy();
    });
    incoming.pipe(onward);
  }

  function proxyOf(name: string): Promise<Server> {
    const existing = proxies.get(name);
    if (existing !== undefined) return existing;
    const opening = listen({ host: "127.0.0.1", port: 0 }, () => {
      const proxy = createServer((incoming, outgoing) => carry(name, incoming, outgoing));
      proxy.on("connection", (socket) => socket.unref());
      return proxy.unref();
    }) as Promise<Server>;
    proxies.set(name, opening);
    return opening;
  }

  async function close(): Promise<void> {
    for (const proxy of await Promise.all(proxies.values())) {
      proxy.close();
      proxy.closeAllConnections();
    }
  }

  return {
    async environmentOf(name) {
      const { port } = (await proxyOf(name)).address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      return { HTTP_PROXY: url, http_proxy: url, NO_PROXY: "", no_proxy: "" };
    },
    partition(next) {
      sides = next;
      for (const [outgoing, { from, to }] of exchanges) {
        if (isCut(from, to)) outgoing.socket?.destroy();
      }
    },
    heal() {
      sides = [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
