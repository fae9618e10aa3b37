/**
 * A measuring process: takes one job, prints one sample. One client in each, so that CPU, memory and garbage are its own.
 */
import { openClient } from "./clients/clients.js";
import type { Job } from "./job.js";
import { measure } from "./measure.js";

const job = JSON.parse(process.argv.at(-1) ?? "") as Job;
const driver = await openClient(job.client, job.endpoint);
const sample = await measure(driver, job);
process.stdout.write(`${JSON.stringify(sample)}\n`);
await driver.close();
// A client that keeps its process alive after close() would be waited for until its time is up.
process.exit(0);
