/**
 * A measuring process: takes one job, prints one sample. One client in each, so that CPU, memory and garbage are its own.
 */
import { openClient } from "./clients/clients.js";
import type { Job } from "./job.js";
import { measure } from "./measure.js";
import { measureHolding } from "./measure-holding.js";
import { workloadKinds } from "./workloads/all.js";

const job = JSON.parse(process.argv.at(-1) ?? "") as Job;
const driver = await openClient(job.client, job.endpoint);
const kind = workloadKinds[job.workload.kind];
const sample = await ("hold" in kind ? measureHolding(driver, job, kind) : measure(driver, job, kind));
process.stdout.write(`${JSON.stringify(sample)}\n`);
await driver.close();
// A client that keeps its process alive after close() would be waited for until its time is up.
process.exit(0);
