import { describe, expect, it } from "vitest";
import { settings } from "../../test/support/frames.js";
import { ConnectionViolation, ErrorCode, frameHeaderBytes, Setting } from "./frame.js";
import { ServerSettings } from "./server-settings.js";

function read(...values: readonly (readonly [number, number])[]): ServerSettings {
  const server = new ServerSettings();
  const bytes = settings(...values);
  server.read(bytes, frameHeaderBytes, bytes.length);
  return server;
}

describe("ServerSettings", () => {
  it("starts with the defaults of RFC 9113, 6.5.2", () => {
    expect({ ...new ServerSettings() }).toEqual({
      headerTableSize: 4_096,
      maxConcurrentStreams: 2 ** 32 - 1,
      initialWindowBytes: 65_535,
      maxFrameBytes: 16_384,
    });
  });

  it("takes what the server says, the last word counting", () => {
    const server = read(
      [Setting.headerTableSize, 0],
      [Setting.enablePush, 0],
      [Setting.maxConcurrentStreams, 7],
      [Setting.maxConcurrentStreams, 8],
      [Setting.initialWindowSize, 2 ** 31 - 1],
      [Setting.maxFrameSize, 2 ** 24 - 1],
      [Setting.maxHeaderListSize, 1],
    );
    expect({ ...server }).toEqual({
      headerTableSize: 0,
      maxConcurrentStreams: 8,
      initialWindowBytes: 2 ** 31 - 1,
      maxFrameBytes: 2 ** 24 - 1,
    });
  });

  it("keeps what a later frame does not mention", () => {
    const server = read([Setting.maxConcurrentStreams, 7]);
    const bytes = settings([Setting.initialWindowSize, 1]);
    server.read(bytes, frameHeaderBytes, bytes.length);
    expect(server.maxConcurrentStreams).toBe(7);
    expect(server.initialWindowBytes).toBe(1);
  });

  it("ignores settings that it does not know", () => {
    expect({ ...read([0, 1], [0x10, 2 ** 32 - 1], [0xffff, 0]) }).toEqual({ ...new ServerSettings() });
  });

  it.each([
    ["a window above 2^31-1", Setting.initialWindowSize, 2 ** 31, ErrorCode.flowControlError],
    ["frames below 2^14", Setting.maxFrameSize, 16_383, ErrorCode.protocolError],
    ["frames above 2^24-1", Setting.maxFrameSize, 2 ** 24, ErrorCode.protocolError],
    ["a server that enables push", Setting.enablePush, 1, ErrorCode.protocolError],
    ["a push that is neither on nor off", Setting.enablePush, 2, ErrorCode.protocolError],
  ])("refuses %s", (_, id, value, code) => {
    let thrown: unknown;
    try {
      read([id, value]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConnectionViolation);
    expect(thrown).toHaveProperty("code", code);
  });

  it.each([1, 5, 7])("refuses a payload of %d bytes", (length) => {
    expect(() => new ServerSettings().read(Buffer.alloc(length), 0, length)).toThrow("odd length");
  });
});
