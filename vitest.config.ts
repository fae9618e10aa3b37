import { defineConfig } from "vitest/config";

// Packages import each other's sources, not what was last built: a test never runs against a stale `dist`.
// The other conditions are the defaults, which a list of our own replaces; but for "module", which Node does not know and
// whose files it cannot always load.
const conditions = ["@etcdkit/source", "node", "development|production"];

// What waits for servers may wait for long on a small machine with much to do: for an election, or for a member to start. How
// soon something has to be is a matter for the test, which then says so.
const patient = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 15_000 } },
};

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@etcdkit/source"] } },
  test: {
    // A test that passes the second time is a test that failed.
    retry: 0,
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "scripts/**/*.test.mjs"],
          exclude: ["packages/{integration,examples}/**", "**/node_modules/**"],
          // Some start programs, or try thousands of inputs; the default of 5 s is for idle machines.
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["packages/integration/test/**/*.test.ts"],
          // Each file starts etcd servers of its own, and mostly waits: four at once leave two processors half idle.
          maxWorkers: 6,
          ...patient,
        },
      },
      {
        extends: true,
        test: {
          name: "examples",
          include: ["packages/examples/{src,test}/**/*.test.ts"],
          maxWorkers: 2,
          ...patient,
        },
      },
    ],
  },
});
