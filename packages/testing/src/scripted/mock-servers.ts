import { type ScriptedServer, type ScriptedServerOptions, startScriptedServer } from "./scripted-server.js";

/** Several servers, for tests of what a client makes of more than one endpoint. */
export interface MockServers extends AsyncDisposable {
  readonly servers: readonly ScriptedServer[];
  readonly endpoints: readonly string[];
  /** Stops the one with this index; its connections are dropped and new ones refused. */
  stop(index: number): Promise<void>;
  /** Starts it again at the same place. */
  start(index: number): Promise<void>;
  /** Stops all for good. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts scripted servers that answer every call with an empty answer, as members 1, 2, ... of one cluster.
 *
 * @param count - How many, at least 1.
 * @param options - For each of them.
 */
export async function startMockServers(
  count: number,
  options: ScriptedServerOptions = {},
): Promise<MockServers> {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`count: expected 1 or more, got ${count}`);
  const servers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startScriptedServer({ memberId: BigInt(index + 1), ...options }),
    ),
  );

  function at(index: number): ScriptedServer {
    const server = servers[index];
    if (server === undefined) throw new RangeError(`index: expected 0 to ${count - 1}, got ${index}`);
    return server;
  }
  async function close(): Promise<void> {
    await Promise.all(servers.map((server) => server.close()));
  }

  return {
    servers,
    endpoints: servers.map((server) => server.endpoint),
    stop: async (index) => at(index).stop(),
    start: async (index) => at(index).start(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
