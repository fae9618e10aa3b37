import { createRouterTransport } from "@connectrpc/connect";
import { connect } from "@etcdkit/core";
import { Health as Service } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createHealth, type Health } from "./health.js";

const member = "http://member:2379";

function health(): { readonly health: Health; readonly left: Promise<void> } {
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const transport = createRouterTransport(({ service }) => {
    service(Service, {
      check: () => ({ status: 2 }),
      list: () => ({ statuses: { "": { status: 1 }, other: { status: 3 }, odd: { status: 77 as 1 } } }),
      async *watch(_request, { signal }) {
        signal.addEventListener("abort", leave, { once: true });
        yield { status: 1 };
        yield { status: 2 };
        await left;
      },
    });
  });
  const connection = connect({ endpoints: "http://other:2379", transport: () => transport });
  return { health: createHealth(connection), left };
}

describe("the health of a member", () => {
  it("is told in words", async () => {
    await expect(health().health.check(member)).resolves.toBe("not-serving");
    expect(await health().health.list(member)).toEqual(
      new Map([
        ["", "serving"],
        ["other", "service-unknown"],
        ["odd", "unknown"],
      ]),
    );
  });

  it("is watched until the loop is left", async () => {
    const { health: service, left } = health();
    const heard: string[] = [];
    for await (const status of service.watch(member)) {
      heard.push(status);
      if (heard.length === 2) break;
    }
    expect(heard).toEqual(["serving", "not-serving"]);
    await left;
  });

  it("is watched until the caller aborts", async () => {
    const caller = new AbortController();
    const reason = new Error("enough");
    const watching = async (): Promise<void> => {
      for await (const status of health().health.watch(member, { signal: caller.signal })) {
        if (status === "not-serving") caller.abort(reason);
      }
    };
    await expect(watching()).rejects.toBe(reason);
  });

  it("is asked of one member that is named", async () => {
    const { health: service } = health();
    await expect(service.check("")).rejects.toThrow(TypeError);
    expect(() => service.watch("ftp://x")).toThrow(TypeError);
    await expect(service.list(member, { timeoutMs: 0 })).rejects.toThrow(RangeError);
  });
});
