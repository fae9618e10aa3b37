import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// Finalizers of one collection leave garbage for the next.
const collections = 5;

/** What this process holds in its heap and in buffers outside of it, once there is no garbage left, in bytes. */
export async function settledHeapBytes(): Promise<number> {
  for (let i = 0; i < collections; i++) {
    collectGarbage();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

// As --expose-gc would, which workers of test runners do not take.
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
