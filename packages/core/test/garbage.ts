// By its path, as the certificates: helpers of tests are not published.
export { collectGarbage } from "../../transport/test/support/garbage.js";
