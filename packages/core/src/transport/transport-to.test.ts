import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRouterTransport } from "@connectrpc/connect";
import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { createCertificateAuthority } from "../../test/certificates.js";
import { never } from "../../test/fake-member.js";
import { startHttp2Server } from "../../test/http2-server.js";
import { type ConnectOptions, resolveOptions } from "../connection/connect-options.js";
import { type Endpoint, parseEndpoint } from "../connection/endpoint.js";
import { classifyLink } from "../errors/from-transport.js";
import { transportTo } from "./transport-to.js";

const nobody = (): void => undefined;
const forever = new AbortController().signal;

function to(url: string, options: Omit<ConnectOptions, "endpoints"> = {}) {
  return transportTo(parseEndpoint(url, false), resolveOptions({ endpoints: url, ...options }));
}

describe("the transport to an endpoint", () => {
  it("reads the files of its TLS options anew at each dial, so that a new authority counts from then on", async () => {
    const directory = await mkdtemp(join(tmpdir(), "etcdkit-transport-"));
    try {
      const ca = createCertificateAuthority();
      const caFile = join(directory, "ca.pem");
      await using server = await startHttp2Server(nobody, {
        tls: ca.issue({ commonName: "etcd", names: ["localhost"] }),
      });
      const transport = to(`https://localhost:${server.port}`, { tls: { caFile } });
      expect(classifyLink(await caught(transport.connect(forever)))).toBe("TLS"); // no such file
      await writeFile(caFile, createCertificateAuthority().cert);
      expect(classifyLink(await caught(transport.connect(forever)))).toBe("TLS"); // somebody else's
      await writeFile(caFile, ca.cert);
      await transport.connect(forever);
      expect(transport.state).toBe("ready");
      await transport.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("says which file it could not read", async () => {
    const transport = to("https://localhost", { tls: { caFile: "/nowhere/ca.pem" } });
    expect(await caught(transport.connect(forever))).toMatchObject({
      kind: "tls",
      rawMessage: 'tls.caFile: cannot read "/nowhere/ca.pem"',
    });
  });

  it("asks the user's dial function with the endpoint, its URL included", async () => {
    const asked: Endpoint[] = [];
    const transport = to("etcd.example", {
      dial: (endpoint) => {
        asked.push(endpoint);
        return never();
      },
    });
    const abort = new AbortController();
    const failed = caught(transport.connect(abort.signal));
    abort.abort();
    await failed;
    expect(asked).toEqual([parseEndpoint("etcd.example", false)]);
  });

  it("is the user's own where there is one, as it is when it tells of its link", () => {
    const own = createConnectNodeTransport({ endpoint: parseEndpoint("a", false) });
    expect(to("a", { transport: () => own })).toBe(own);
    const plain = createRouterTransport(() => undefined);
    expect(to("a", { transport: () => plain }).state).toBe("ready");
  });
});
