import { watchesOf } from "../clients/parts-of-driver.js";
import { Rounds } from "./rounds.js";
import {
  around,
  keyPrefix,
  keysOf,
  needed,
  type OperationKind,
  valueFor,
  type Workload,
} from "./workload.js";

// Twice what a watch keeps for its reader by default: no longer has it room for what is written then.
const overrunBytes = 8 * 2 ** 20;

/** 100 watches of one range on one stream, all of which are read, or all but one. An operation ends when those have seen it. */
export const watchStoppedConsumerWorkloads: readonly Workload[] = [
  { name: "watch-reading-consumers", stopped: 0 },
  { name: "watch-stopped-consumer", stopped: 1 },
].map(({ name, stopped }) => ({
  name,
  kind: "watch-stopped-consumer",
  inFlight: 1,
  valueBytes: 65_536,
  keys: 100,
  keysPerOperation: 100 - stopped,
  held: 100,
  stopped,
}));

export const watchStoppedConsumer: OperationKind = {
  metrics: ["p99", "p50", "peakMemory", "eventRate", "cpuPerEvent", "rss"],
  clients: ["ours"],
  async begin(driver, workload) {
    const { stopped = 0 } = workload;
    const reading = needed(workload, "held") - stopped;
    const rounds = new Rounds(reading, workload.valueBytes);
    const { openSome } = watchesOf(driver);
    if (openSome === undefined) throw new Error("a reader of this client cannot stop");
    const watches = await openSome(keyPrefix, reading, stopped, rounds);
    const keys = keysOf(workload);
    const value = valueFor(workload);
    let puts = 0;
    let peakMemoryBytes = 0;
    const put = async (index: number): Promise<number> => {
      puts++;
      const [seen] = await Promise.all([rounds.next(), driver.put(around(keys, index), value)]);
      const { heapUsed, external } = process.memoryUsage();
      peakMemoryBytes = Math.max(peakMemoryBytes, heapUsed + external);
      return seen;
    };
    return {
      operation: put,
      async finish() {
        const peak = peakMemoryBytes;
        while (puts * workload.valueBytes < overrunBytes) await put(puts);
        rounds.verify();
        const wrong = (await watches.readOn(puts)).find((events) => events !== puts);
        if (wrong !== undefined) throw new Error(`a reader that went on had ${wrong} of ${puts} events`);
        await watches.close();
        return { peakMemoryBytes: peak };
      },
    };
  },
  least: (workload) => needed(workload, "held") - (workload.stopped ?? 0),
};
