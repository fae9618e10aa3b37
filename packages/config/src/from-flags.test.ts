import { describe, expect, it } from "vitest";
import { makeFiles } from "../test/files.js";
import { refusal, secret } from "../test/refusal.js";
import { optionsFromFlags, takeFlags } from "./from-flags.js";

describe("optionsFromFlags", () => {
  it("reads every flag of etcdctl that is about its connection", () => {
    using files = makeFiles();
    const { caFile, certFile, keyFile } = files;
    const options = optionsFromFlags([
      "--endpoints=https://a:1,https://b:1",
      ...["--endpoints", "https://c:1"],
      ...[
        "--dial-timeout",
        "3s",
        "--command-timeout=4s",
        "--keepalive-time",
        "20s",
        "--keepalive-timeout=6s",
      ],
      ...["--max-request-bytes=1000", "--max-recv-bytes", "2000"],
      ...["--cacert", caFile, "--cert", certFile, "--key", keyFile],
      ...["--user", "root:pass:word"],
      "--insecure-transport=false",
    ]);
    expect(options).toEqual({
      endpoints: ["https://a:1", "https://b:1", "https://c:1"],
      dialTimeoutMs: 3_000,
      callTimeoutMs: 4_000,
      keepAlive: { intervalMs: 20_000, timeoutMs: 6_000 },
      maxSendBytes: 1_000,
      maxReceiveBytes: 2_000,
      tls: { caFile, certFile, keyFile },
      credentials: { username: "root", password: "pass:word" },
    });
  });

  it("looks at 127.0.0.1:2379 without flags", () => {
    expect(optionsFromFlags([])).toEqual({ endpoints: ["127.0.0.1:2379"] });
  });

  it("takes user and password apart or together; a password of its own wins", () => {
    for (const args of [
      ["--username=root", "--password=new"],
      ["--user=root", "--password", "new"],
      ["--user=root:old", "--password=new"],
      ["--password=new", "--user=root:old"],
    ]) {
      expect(optionsFromFlags(args)).toMatchObject({ credentials: { username: "root", password: "new" } });
    }
    expect(optionsFromFlags(["--auth-jwt-token", "a.b.c"])).toMatchObject({
      credentials: { token: "a.b.c" },
    });
  });

  it("needs no value for what is true or false, and takes the last of two", () => {
    expect(optionsFromFlags(["--insecure-skip-tls-verify"])).toMatchObject({
      tls: { insecureSkipVerify: true },
    });
    expect(optionsFromFlags(["--insecure-skip-tls-verify", "--insecure-skip-tls-verify=false"])).toEqual({
      endpoints: ["127.0.0.1:2379"],
    });
    expect(optionsFromFlags(["--dial-timeout=1s", "--dial-timeout=2s"])).toMatchObject({
      dialTimeoutMs: 2_000,
    });
  });

  it.each([
    [["--endpoint=a:1"], "--endpoint: unknown flag"],
    [[`--pasword=${secret}`], "--pasword: unknown flag"],
    [["--constructor=1"], "--constructor: unknown flag"],
    [["--__proto__=1"], "argument 1 of the flags is not a flag"],
    [["--user", "root", secret], "argument 2 of the flags is not a flag"],
    [["-endpoints=a:1"], "argument 1 of the flags is not a flag"],
    [["--", secret], "is not a flag"],
    [["--cacert"], "--cacert: its value is missing"],
    [["--cacert="], "--cacert: its value is missing"],
    [["--dial-timeout", `--password=${secret}`], "--dial-timeout: expected a duration with its unit"],
    [["--insecure-transport=no"], "--insecure-transport: expected true or false"],
    [["--endpoints", `http://root:${secret}@a`], "--endpoints: endpoint"],
    [["--password", secret], "--password: the name of the user is missing"],
    [[`--auth-jwt-token=${secret}`, `--user=root:${secret}`], "--auth-jwt-token: user name and password"],
  ])("refuses %j", (args, problem) => {
    expect(refusal(() => optionsFromFlags(args)).message).toContain(problem);
  });

  it("refuses what is no list of arguments", () => {
    for (const args of [undefined, "--endpoints=a", [7]]) {
      expect(() => optionsFromFlags(args as never)).toThrow("args: expected an array of strings");
    }
  });
});

describe("takeFlags", () => {
  it("parts the flags about the connection from all others", () => {
    const { flags, rest } = takeFlags([
      ...["put", "--endpoints", "a:1", "--lease=5", "--insecure-transport", "key", "--user=root:x"],
      ...["value", "--", "--endpoints", "b:1"],
    ]);
    expect(flags).toEqual(["--endpoints", "a:1", "--insecure-transport", "--user=root:x"]);
    expect(rest).toEqual(["put", "--lease=5", "key", "value", "--", "--endpoints", "b:1"]);
    expect(optionsFromFlags(flags)).toMatchObject({ endpoints: ["a:1"] });
  });

  it("leaves it to the reader of the flags that a value is missing", () => {
    const { flags, rest } = takeFlags(["get", "--cacert"]);
    expect({ flags, rest }).toEqual({ flags: ["--cacert"], rest: ["get"] });
    expect(refusal(() => optionsFromFlags(flags)).key).toBe("--cacert");
  });
});
