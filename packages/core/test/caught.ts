// By its path, as the certificates: helpers of tests are not published.
export { caught } from "../../transport/test/support/caught.js";
