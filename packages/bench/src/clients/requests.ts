import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  type PutRequest,
  PutRequestSchema,
  type RangeRequest,
  RangeRequestSchema,
  type RequestOpSchema,
  type TxnRequest,
  TxnRequestSchema,
  type WatchCreateRequestSchema,
  type WatchRequest,
  WatchRequestSchema,
} from "@etcdkit/core/protocol";

const encoder = new TextEncoder();

/** The messages of the operations, for clients that know nothing of etcd themselves. */
export function getRequest(key: string): RangeRequest {
  return create(RangeRequestSchema, { key: encoder.encode(key) });
}

export function putRequest(key: string, value: Uint8Array): PutRequest {
  return create(PutRequestSchema, { key: encoder.encode(key), value });
}

export function rangeRequest(prefix: string): RangeRequest {
  return create(RangeRequestSchema, { key: encoder.encode(prefix), rangeEnd: encoder.encode(endOf(prefix)) });
}

export function txnRequest(keys: readonly string[], value: Uint8Array): TxnRequest {
  return create(TxnRequestSchema, { compare: keys.map(exists), success: keys.map((key) => put(key, value)) });
}

/** Watches one key from now on. */
export function watchRequest(key: string): WatchRequest {
  return watchMessage({ key: encoder.encode(key) });
}

/** Watches all keys with this prefix from revision 1 on. */
export function historyRequest(prefix: string): WatchRequest {
  const rangeEnd = encoder.encode(endOf(prefix));
  return watchMessage({ key: encoder.encode(prefix), rangeEnd, startRevision: 1n });
}

function watchMessage(value: MessageInitShape<typeof WatchCreateRequestSchema>): WatchRequest {
  return create(WatchRequestSchema, { requestUnion: { case: "createRequest", value } });
}

function exists(key: string): MessageInitShape<typeof CompareSchema> {
  return {
    key: encoder.encode(key),
    target: Compare_CompareTarget.VERSION,
    result: Compare_CompareResult.GREATER,
    targetUnion: { case: "version", value: 0n },
  };
}

function put(key: string, value: Uint8Array): MessageInitShape<typeof RequestOpSchema> {
  return { request: { case: "requestPut", value: { key: encoder.encode(key), value } } };
}

/** The first key behind all that begin with this prefix, which is ASCII here. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
