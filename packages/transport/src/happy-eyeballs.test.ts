import dns, { type LookupAddress } from "node:dns";
import { once } from "node:events";
import net, { createServer, type Server, Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { caught } from "../test/support/caught.js";
import { connectToHost } from "./happy-eyeballs.js";

const never = new AbortController().signal;

/** Lets a name have these addresses. */
function name(...addresses: readonly string[]): void {
  const found: LookupAddress[] = addresses.map((address) => ({
    address,
    family: net.isIPv6(address) ? 6 : 4,
  }));
  const answer = (
    _name: string,
    _options: unknown,
    done: (error: null, found: LookupAddress[]) => void,
  ): void => void setImmediate(() => done(null, found));
  vi.spyOn(dns, "lookup").mockImplementation(answer as never);
}

async function listening(host: string, port = 0): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(port, host);
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as net.AddressInfo).port;
}

/** Attempts that stay without an answer until the test decides: none reaches the network. */
function scripted(): { readonly attempts: Map<string, Socket>; readonly order: string[] } {
  const attempts = new Map<string, Socket>();
  const order: string[] = [];
  vi.spyOn(net.Socket.prototype, "connect").mockImplementation(function (this: Socket, ...given: unknown[]) {
    const [options] = given[0] as [{ readonly host: string }];
    attempts.set(options.host, this);
    order.push(options.host);
    return this;
  });
  return { attempts, order };
}

/** Lets looking up, which takes a turn of the event loop, come to its end. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe("connecting to a host", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it("goes to the address that answers, past one that refuses", async () => {
    const server = await listening("127.0.0.1");
    name("127.0.0.2", "127.0.0.1");
    const socket = await connectToHost("two.test", portOf(server), never);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
    server.close();
  });

  it("needs no look-up for an address", async () => {
    const server = await listening("127.0.0.1");
    const lookup = vi.spyOn(dns, "lookup");
    const socket = await connectToHost("127.0.0.1", portOf(server), never);
    expect(lookup).not.toHaveBeenCalled();
    socket.destroy();
    server.close();
  });

  it("lets the families take turns, that of the first address first, a quarter of a second apart", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { order } = scripted();
    name("10.0.0.1", "10.0.0.2", "fd00::1");
    void connectToHost("three.test", 2379, never);
    await turn();
    expect(order).toEqual(["10.0.0.1"]);
    vi.advanceTimersByTime(249);
    expect(order).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(order).toEqual(["10.0.0.1", "fd00::1"]);
    vi.advanceTimersByTime(250);
    expect(order).toEqual(["10.0.0.1", "fd00::1", "10.0.0.2"]);
  });

  it("waits for a slow address though the others have failed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { attempts } = scripted();
    name("10.0.0.1", "10.0.0.2");
    const connected = connectToHost("slow.test", 2379, never);
    await turn();
    vi.advanceTimersByTime(250);
    attempts.get("10.0.0.2")?.emit("error", new Error("refused"));
    vi.advanceTimersByTime(60_000);
    attempts.get("10.0.0.1")?.emit("connect");
    expect(await connected).toBe(attempts.get("10.0.0.1"));
  });

  it("drops the attempts that lost", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { attempts } = scripted();
    name("10.0.0.1", "10.0.0.2");
    const connected = connectToHost("both.test", 2379, never);
    await turn();
    vi.advanceTimersByTime(250);
    attempts.get("10.0.0.2")?.emit("connect");
    await connected;
    expect(attempts.get("10.0.0.1")?.destroyed).toBe(true);
  });

  it("begins no attempt once another has won, though one that lost fails only then", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { attempts, order } = scripted();
    name("10.0.0.1", "10.0.0.2", "10.0.0.3");
    const connected = connectToHost("late.test", 2379, never);
    await turn();
    vi.advanceTimersByTime(250);
    attempts.get("10.0.0.1")?.emit("connect");
    attempts.get("10.0.0.2")?.emit("error", new Error("refused"));
    await connected;
    expect(order).toEqual(["10.0.0.1", "10.0.0.2"]);
  });

  it("fails with what each address said, by the code of the first", async () => {
    const server = await listening("127.0.0.1");
    const port = portOf(server);
    server.close();
    await once(server, "close");
    name("127.0.0.1", "127.0.0.2");
    const error = await caught(connectToHost("none.test", port, never));
    expect(error).toMatchObject({ code: "ECONNREFUSED", errors: [{}, {}] });
    expect(String(error)).toMatch(/127\.0\.0\.1:.*127\.0\.0\.2:/);
  });

  it("fails with the one error of a host that has one address, or none", async () => {
    const server = await listening("127.0.0.1");
    const port = portOf(server);
    server.close();
    await once(server, "close");
    expect(await caught(connectToHost("127.0.0.1", port, never))).toMatchObject({
      code: "ECONNREFUSED",
      address: "127.0.0.1",
    });
    const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND gone.test"), { code: "ENOTFOUND" });
    const answer = (_name: string, _options: unknown, done: (error: Error) => void): void =>
      void setImmediate(() => done(notFound));
    vi.spyOn(dns, "lookup").mockImplementation(answer as never);
    expect(await caught(connectToHost("gone.test", port, never))).toBe(notFound);
  });

  it("ends all attempts when it is aborted", async () => {
    const { attempts } = scripted();
    name("10.0.0.1", "10.0.0.2");
    const controller = new AbortController();
    const failed = caught(connectToHost("abort.test", 2379, controller.signal));
    await turn();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    expect(attempts.get("10.0.0.1")).toBeInstanceOf(Socket);
    expect([...attempts.values()].every((socket) => socket.destroyed)).toBe(true);
  });

  it.each(["127.0.0.1", "::1"])(
    "is refused where it meets nobody but itself, and keeps no port (%s)",
    async (host) => {
      const gone = await listening(host);
      const port = portOf(gone);
      await new Promise((resolve) => gone.close(resolve));
      const { connect } = net.Socket.prototype;
      // What happens by chance when the system chooses the port of the own end.
      const meeting = vi.spyOn(net.Socket.prototype, "connect");
      meeting.mockImplementation(function (this: Socket, ...given: unknown[]) {
        const [options] = given[0] as [object];
        Object.assign(options, { localAddress: host, localPort: port });
        return Reflect.apply(connect, this, given) as Socket;
      });
      const refusal = {
        code: "ECONNREFUSED",
        message: `connect ECONNREFUSED ${host}:${port} (it met itself)`,
      };
      await expect(connectToHost(host, port, never)).rejects.toMatchObject(refusal);
      meeting.mockRestore();

      const back = await listening(host, port);
      const socket = await connectToHost(host, port, never);
      socket.destroy();
      back.close();
    },
  );
});
