/**
 * Reads that never go back in time, whichever member answers.
 *
 * @packageDocumentation
 */
export type { OnStale, StaleAnswer } from "./search.js";
export { type OrderingOptions, withOrdering } from "./with-ordering.js";
