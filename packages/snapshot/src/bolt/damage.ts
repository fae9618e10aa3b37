import { EtcdError } from "@etcdkit/core";

/** The error for a file that is not what it should be. */
export function damage(what: string): EtcdError {
  return new EtcdError("DATA_LOSS", what);
}
