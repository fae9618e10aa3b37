import { Code, ConnectError } from "@connectrpc/connect";
import type { Disposition } from "@etcdkit/transport";

/** A status that a server sent, as connect-node's gRPC transport rejects with it. */
export function status(text: string, code: Code = Code.Unknown): ConnectError {
  return new ConnectError(text, code, { "grpc-status": String(code) });
}

/** An error of Node's network. */
export function errno(code: string, message = `read ${code}`): Error {
  return Object.assign(new Error(message), { code });
}

/** A request whose link was reset before an answer came. */
export function reset(): ConnectError {
  const error = new ConnectError("read ECONNRESET", Code.Aborted);
  error.cause = errno("ECONNRESET");
  return error;
}

/** A request of which a transport knows that the server did not look at it. */
export function unprocessed(disposition: Disposition): ConnectError {
  return Object.assign(new ConnectError(`not looked at: ${disposition}`, Code.Unavailable), { disposition });
}

// How servers refuse a token.

export const invalidToken = (): ConnectError =>
  status("etcdserver: invalid auth token", Code.Unauthenticated);
export const oldRevision = (): ConnectError =>
  status("etcdserver: revision of auth store is old", Code.InvalidArgument);
export const userEmpty = (): ConnectError => status("etcdserver: user name is empty", Code.InvalidArgument);
export const authNotEnabled = (): ConnectError =>
  status("etcdserver: authentication is not enabled", Code.FailedPrecondition);
export const permissionDenied = (): ConnectError =>
  status("etcdserver: permission denied", Code.PermissionDenied);
