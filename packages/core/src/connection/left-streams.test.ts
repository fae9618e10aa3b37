import { describe, expect, it } from "vitest";
import { begin, frame, startHttp2Server } from "../../test/http2-server.js";
import { Maintenance, Watch } from "../gen/etcdserverpb/rpc_pb.js";
import { connect } from "./connection.js";

async function* one(): AsyncGenerator<object, void, undefined> {
  yield {};
}

async function* oneThenSilence(): AsyncGenerator<object, void, undefined> {
  yield {};
  await new Promise(() => undefined);
}

describe("a stream of a connection", () => {
  it("that is left by break ends at the server", async () => {
    await using server = await startHttp2Server((stream) => {
      begin(stream);
      stream.write(frame(new Uint8Array()));
    });
    await using connection = connect({ endpoints: `127.0.0.1:${server.port}` });
    const { transport } = connection;
    const { snapshot } = Maintenance.method;
    const { watch } = Watch.method;
    for (let i = 0; i < 3; i++) {
      const chunks = await transport.stream(snapshot, undefined, undefined, undefined, one());
      for await (const _ of chunks.message) break;
      const events = await transport.stream(watch, undefined, undefined, undefined, oneThenSilence());
      for await (const _ of events.message) break;
    }
    await server.until(({ open, requests }) => requests.length === 6 && open === 0);
    expect(server.accepted).toBe(1);
  });
});
