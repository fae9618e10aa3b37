import { create, type DescMessage, isMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Disposition } from "@etcdkit/transport";
import { EtcdError } from "../errors/etcd-error.js";

/**
 * Refuses a request that is larger than this side may send, before any of it is.
 *
 * @throws {@link EtcdError} `MESSAGE_TOO_LARGE`
 */
export function refuseTooLarge<I extends DescMessage>(
  desc: I,
  input: MessageInitShape<I>,
  maxSendBytes: number,
): void {
  const bytes = toBinary(desc, isMessage(input, desc) ? input : create(desc, input)).byteLength;
  if (bytes <= maxSendBytes) return;
  throw Object.assign(
    new EtcdError(
      "MESSAGE_TOO_LARGE",
      `the request has ${bytes} bytes, more than maxSendBytes (${maxSendBytes})`,
    ),
    { disposition: "unsent" satisfies Disposition },
  );
}
