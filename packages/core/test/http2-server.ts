// By its path, as the certificates: helpers of tests are not published.
export {
  begin,
  finish,
  frame,
  reply,
  startHttp2Server,
} from "../../transport/test/support/http2-server.js";
