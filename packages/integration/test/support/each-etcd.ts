import type { Connection, ConnectOptions } from "@etcdkit/core";
import {
  compareVersions,
  type EtcdBinary,
  type EtcdCluster,
  type EtcdOptions,
  findEtcdBinaries,
  findEtcdBinary,
  startEtcd,
} from "@etcdkit/testing";
import { afterAll, beforeAll, describe } from "vitest";
import { connectTo } from "./connect-to.js";
import { behavesSo, type VersionDifference } from "./version-differences.js";

/** One version of the real server, for the cases of a describe block. */
export interface EtcdUnderTest {
  /** For example `3.7.1`. */
  readonly version: string;
  readonly binary: EtcdBinary;
  atLeast(version: string): boolean;
  /** Whether this version behaves as the line of the table of version differences says. */
  has(difference: VersionDifference): boolean;
  /** Starts a cluster of this version for one case, which closes it: `await using`. */
  start(options?: Omit<EtcdOptions, "version">): Promise<EtcdCluster>;
  /** Plans one cluster for all cases of the describe block. To be called in the block and looked into from the cases. */
  shared(options?: Omit<EtcdOptions, "version">): SharedCluster;
}

/** A cluster that runs from before the first case of a describe block until after its last. */
export interface SharedCluster {
  readonly cluster: EtcdCluster;
  readonly endpoints: readonly string[];
  /** Connects with the cluster's certificates and credentials; the case closes it: `await using`. */
  connect(options?: Partial<ConnectOptions>): Connection;
}

/** Defines the same cases once per etcd server on this machine. Without any, the file fails and says what to do. */
export function describeEachEtcd(title: string, define: (etcd: EtcdUnderTest) => void): void {
  describeEtcds(title, installed, define);
}

/**
 * Defines cases for the oldest and the newest etcd server on this machine: for what takes long and hardly depends on the
 * version.
 */
export function describeOldestAndNewestEtcd(title: string, define: (etcd: EtcdUnderTest) => void): void {
  describeEtcds(
    title,
    [...new Set([installed.at(0), installed.at(-1)])].flatMap((one) => one ?? []),
    define,
  );
}

/** Defines cases for the given servers. */
export function describeEtcds(
  title: string,
  binaries: readonly EtcdBinary[],
  define: (etcd: EtcdUnderTest) => void,
): void {
  for (const binary of binaries) {
    describe(`${title} (etcd ${binary.version})`, () => define(underTest(binary)));
  }
}

await findEtcdBinary(); // its error says how to get a server, when there is none
/** Newest first. */
export const installed: readonly EtcdBinary[] = await findEtcdBinaries();

function underTest(binary: EtcdBinary): EtcdUnderTest {
  const { version } = binary;
  return {
    version,
    binary,
    atLeast: (other) => compareVersions(version, other) >= 0,
    has: (difference) => behavesSo(version, difference),
    start: (options) => startEtcd({ ...options, version }),
    shared(options) {
      let started: EtcdCluster | undefined;
      beforeAll(async () => {
        started = await startEtcd({ ...options, version });
      });
      afterAll(() => started?.close());
      const cluster = (): EtcdCluster => {
        if (started === undefined) throw new Error("the shared cluster runs only while the cases do");
        return started;
      };
      return {
        get cluster() {
          return cluster();
        },
        get endpoints() {
          return cluster().endpoints;
        },
        connect: (connectOptions) => connectTo(cluster(), connectOptions),
      };
    },
  };
}
