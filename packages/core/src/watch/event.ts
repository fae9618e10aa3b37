import { type Event, Event_EventType } from "../gen/mvccpb/kv_pb.js";

/** Whether the key was deleted, by a request or with its lease. */
export function isDelete(event: Event): boolean {
  return event.type === Event_EventType.DELETE;
}

/** Whether the key was written and did not exist before. */
export function isCreate({ type, kv }: Event): boolean {
  return type === Event_EventType.PUT && kv?.createRevision === kv?.modRevision;
}

/** Whether the key was written and existed before. */
export function isModify({ type, kv }: Event): boolean {
  return type === Event_EventType.PUT && kv?.createRevision !== kv?.modRevision;
}
