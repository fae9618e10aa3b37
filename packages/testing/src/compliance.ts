/**
 * Suites of tests that say what an interface promises, to be run against every implementation and decorator of it.
 *
 * @packageDocumentation
 */
export { describeKv, type KvFixture, type KvSuiteOptions } from "./compliance/describe-kv.js";
export { describeTransport } from "./transport/describe-transport.js";
export type { OpenTransport, TransportCapabilities, TransportSetup } from "./transport/ground.js";
