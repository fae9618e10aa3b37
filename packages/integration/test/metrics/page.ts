import { once } from "node:events";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Registry } from "prom-client";
import { uniqueKey } from "../support/unique-key.js";

/** A page of metrics on a unix socket. */
export interface MetricsPage extends AsyncDisposable {
  /** Its lines, as they are now, without comments. */
  lines(): Promise<readonly string[]>;
  /** The sum of the counters of this name whose labels have all of these values, as upstream's tests take it. */
  sum(name: string, ...labelValues: readonly string[]): Promise<number>;
}

/** Serves the metrics of a registry until the end of its scope. */
export async function serveMetrics(register: Registry): Promise<MetricsPage> {
  const socketPath = join(tmpdir(), `etcdkit-metrics-${uniqueKey("page").replaceAll("/", "-")}.sock`);
  const server = createServer((_request, response) => {
    register.metrics().then(
      (page) => response.setHeader("content-type", register.contentType).end(page),
      (error: unknown) => response.destroy(error as Error),
    );
  });
  await once(server.listen(socketPath), "listening");

  const lines = async (): Promise<readonly string[]> => {
    const asked = request({ socketPath, path: "/metrics", agent: false }).end();
    const [response] = await once(asked, "response");
    let page = "";
    for await (const part of response) page += String(part);
    return page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  };
  return {
    lines,
    sum: async (name, ...labelValues) =>
      (await lines())
        .filter((line) => line.startsWith(name) && labelValues.every((value) => line.includes(`"${value}"`)))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
