// Options from a file, the environment and the command line together.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadOptions, optionsFromYaml, takeFlags } from "@etcdkit/config";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { endpoints } from "./endpoints.js";

const directory = await mkdtemp(join(tmpdir(), "etcdkit-example-"));
try {
  const file = join(directory, "etcd.yaml");
  await writeFile(
    file,
    `
insecure-transport: true
endpoints: [nobody.example:2379]
dial-timeout: 3s
dial-keep-alive-time: 30000000000 # nanoseconds, as in files for Go
`,
  );
  process.env["ETCDCTL_COMMAND_TIMEOUT"] = "4s";
  const argv = ["list", `--endpoints=${endpoints}`, "--verbose"];

  // #region load
  // Of the program's arguments those about the connection; the rest is its own.
  const { flags, rest } = takeFlags(argv);

  // Flags win over the environment, and that over the file.
  const options = loadOptions({ file, args: flags });
  await using connection = connect(options);
  // #endregion

  console.log(rest.join(" "));
  const { dialTimeoutMs, callTimeoutMs, keepAlive } = options;
  console.log(dialTimeoutMs, callTimeoutMs, JSON.stringify(keepAlive));
  console.log(await createKv(connection).get("examples/config-file"));

  // #region errors
  // What cannot be used is refused at once, with the place where it is written and without what is written there.
  try {
    optionsFromYaml('endpoints: ["http://localhost:2379"]\ndial_timeout: 5s\n');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.log(error.message);
  }
  // #endregion
} finally {
  await rm(directory, { recursive: true });
}

// Output:
// list --verbose
// 3000 4000 {"intervalMs":30000}
// undefined
// line 2: "dial_timeout": unknown key; it is spelt dial-timeout
