import type { DescMessage } from "@bufbuild/protobuf";
import { codecs as rpcCodecs } from "../gen/etcdserverpb/rpc_codec.js";
import { codecs as kvCodecs } from "../gen/mvccpb/kv_codec.js";
import type { TypedCodec } from "./message-codec.js";

export type { MessageCodec } from "@etcdkit/transport";
export type { TypedCodec } from "./message-codec.js";

const codecs: ReadonlyMap<DescMessage, TypedCodec> = new Map(
  [...kvCodecs, ...rpcCodecs].map((codec) => [codec.desc, codec]),
);

/**
 * The generated codec of a message type, for the messages of busy calls: reads, writes, transactions, watches and lease
 * renewals. `undefined` for all others, which are left to protobuf-es.
 */
export function codecFor(desc: DescMessage): TypedCodec | undefined {
  return codecs.get(desc);
}
