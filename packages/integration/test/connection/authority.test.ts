import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createCertificateAuthority, type ScriptedServer, startScriptedServer } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { together } from "../support/together.js";

const authority = createCertificateAuthority();
const certificate = authority.issue({ commonName: "server", names: ["127.0.0.1", "localhost"] });

/** What a server is to see as its name: the host and port, or the last part of the path of its socket. */
function expectedAuthority({ endpoint }: ScriptedServer): string {
  return endpoint.startsWith("unix") ? (endpoint.split("/").at(-1) ?? "") : new URL(endpoint).host;
}

// grpc_test.go:TestAuthority
it.each(
  [
    { scheme: "http", unix: false, tls: false },
    { scheme: "https", unix: false, tls: true },
    { scheme: "unix", unix: true, tls: false },
    { scheme: "unixs", unix: true, tls: true },
  ].flatMap((way) => [1, 3].map((count) => ({ ...way, count }))),
)("each of $count servers behind $scheme sees its own authority", async ({ unix, tls, count }) => {
  await using servers = await together(
    ...Array.from({ length: count }, () =>
      startScriptedServer({ unix, ...(tls ? { tls: certificate } : {}) }),
    ),
  );
  await using connection = connect({
    endpoints: servers.all.map((server) => server.endpoint),
    // The name in a unix socket's path is in no certificate.
    ...(tls ? { tls: { ca: authority.cert, ...(unix ? { serverName: "localhost" } : {}) } } : {}),
  });
  const kv = createKv(connection);
  await connection.ready();
  await expect
    .poll(() => [...connection.states().values()], { timeout: 15_000 })
    .toEqual(Array.from({ length: count }, () => "ready"));
  await Promise.all(Array.from({ length: 3 * count }, () => kv.get("any")));
  for (const server of servers.all) {
    expect(server.calls.map((call) => call.authority)).toEqual(
      Array.from({ length: 3 }, () => expectedAuthority(server)),
    );
  }
});
