import { defineConfig } from "vitest/config";

// Packages import each other's sources, not what was last built: a test never runs against a stale `dist`.
// The other conditions are the defaults, which a list of our own replaces; but for "module", which Node does not know and
// whose files it cannot always load.
const conditions = ["@etcdkit/source", "node", "development|production"];

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
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["packages/integration/test/**/*.test.ts"],
          // Each file starts etcd servers of its own, and mostly waits; more at once starve them on a small machine.
          maxWorkers: 4,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "examples",
          include: ["packages/examples/{src,test}/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
