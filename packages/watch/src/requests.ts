import type { WatchRequest } from "@etcdkit/core";
import {
  type RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  WatchCreateRequest_FilterType,
  type WatchRequest as WatchMessage,
} from "@etcdkit/core/protocol";

const noBytes = new Uint8Array();

const filters: Readonly<Record<NonNullable<WatchRequest["events"]>, WatchCreateRequest_FilterType>> = {
  puts: WatchCreateRequest_FilterType.NODELETE,
  deletes: WatchCreateRequest_FilterType.NOPUT,
};

/** How a watch is asked for at the moment. */
export interface CreateTerms {
  /** `0n` for "from now on". */
  readonly startRevision: bigint;
  /** Whether large answers may come in parts. */
  readonly fragment: boolean;
  /** The id that it is to have on the server; `0n` leaves that to the server. */
  readonly id: bigint;
}

/** Asks for a watch. */
export function createMessage(
  request: WatchRequest,
  { startRevision, fragment, id }: CreateTerms,
): WatchMessage {
  const { key, rangeEnd = noBytes, prevKv = false, progressNotify = false, events } = request;
  return {
    $typeName: "etcdserverpb.WatchRequest",
    requestUnion: {
      case: "createRequest",
      value: {
        $typeName: "etcdserverpb.WatchCreateRequest",
        key,
        rangeEnd,
        startRevision,
        progressNotify,
        filters: events === undefined ? [] : [filters[events]],
        prevKv,
        watchId: id,
        fragment,
      },
    },
  };
}

/** Ends a watch on the server. */
export function cancelMessage(id: number): WatchMessage {
  return {
    $typeName: "etcdserverpb.WatchRequest",
    requestUnion: {
      case: "cancelRequest",
      value: { $typeName: "etcdserverpb.WatchCancelRequest", watchId: BigInt(id) },
    },
  };
}

/** Asks how far the watches of the stream are. */
export function progressMessage(): WatchMessage {
  return {
    $typeName: "etcdserverpb.WatchRequest",
    requestUnion: {
      case: "progressRequest",
      value: { $typeName: "etcdserverpb.WatchProgressRequest" },
    },
  };
}

/** What of a range is read at a time. */
export interface PageRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array | undefined;
  /** The newest if left out. */
  readonly revision?: bigint | undefined;
  readonly limit: number;
  readonly keysOnly?: boolean | undefined;
}

/** Reads keys in ascending order, linearizable. */
export function rangeMessage({
  key,
  rangeEnd = noBytes,
  revision = 0n,
  limit,
  keysOnly = false,
}: PageRequest): RangeRequest {
  return {
    $typeName: "etcdserverpb.RangeRequest",
    key,
    rangeEnd,
    limit: BigInt(limit),
    revision,
    sortOrder: RangeRequest_SortOrder.NONE,
    sortTarget: RangeRequest_SortTarget.KEY,
    serializable: false,
    keysOnly,
    countOnly: false,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
}
