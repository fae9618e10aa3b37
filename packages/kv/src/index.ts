export { createKv } from "./create-kv.js";
