import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { etcdctlSettings } from "./etcdctl-settings.js";
import { yamlSettings } from "./yaml-settings.js";

it("the page of the package lists every variable, flag and key", async () => {
  const page = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const inGoOnly = ["TLS", "DialOptions", "Context", "Logger", "LogConfig"];
  const names = [
    ...[...etcdctlSettings.keys()].map((name) => `ETCDCTL_${name.toUpperCase().replaceAll("-", "_")}`),
    ...[...etcdctlSettings.keys()].map((name) => `--${name}`),
    ...[...yamlSettings.keys()].filter((key) => !inGoOnly.includes(key)),
  ];
  expect(names).toContain("ETCDCTL_DIAL_TIMEOUT");
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
