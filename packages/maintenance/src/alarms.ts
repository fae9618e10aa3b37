import type { CallOptions, Connection } from "@etcdkit/core";
import {
  type AlarmMember,
  AlarmRequest_AlarmAction,
  type AlarmResponse,
  AlarmType,
  Maintenance,
} from "@etcdkit/core/protocol";
import { callUnary, headerOf } from "@etcdkit/core/spi";
import type { AlarmSelection } from "./maintenance.js";
import type { Alarm, AlarmResult } from "./results.js";

type Transport = Connection["transport"];

const wireTypes = { nospace: AlarmType.NOSPACE, corrupt: AlarmType.CORRUPT } as const;

/** Lists all alarms. */
export async function listAlarms(transport: Transport, call: CallOptions | undefined): Promise<AlarmResult> {
  return decodeAlarms(await fetchAlarms(transport, call));
}

/** Disarms the alarms that fit. */
export async function disarmAlarms(
  transport: Transport,
  { memberId, type }: AlarmSelection,
  call: CallOptions | undefined,
): Promise<AlarmResult> {
  // The server takes one alarm of one member at a time, and nothing that stands for all.
  if (memberId !== undefined && type !== undefined) {
    return decodeAlarms(await disarm(transport, { memberID: memberId, alarm: wireTypes[type] }, call));
  }
  const rest = within(call);
  const listed = await fetchAlarms(transport, call);
  const fitting = listed.alarms.filter(
    (one) =>
      (memberId === undefined || one.memberID === memberId) &&
      (type === undefined || one.alarm === wireTypes[type]),
  );
  let header = headerOf(listed);
  const alarms: Alarm[] = [];
  for (const one of fitting) {
    const answer = decodeAlarms(await disarm(transport, one, rest()));
    header = answer.header;
    alarms.push(...answer.alarms);
  }
  return { header, alarms };
}

/** The options of the calls that together are the one that was asked for: each has the time that those before have left. */
function within(call: CallOptions | undefined): () => CallOptions | undefined {
  const timeoutMs = call?.timeoutMs;
  if (timeoutMs === undefined) return () => call;
  const until = performance.now() + timeoutMs;
  return () => ({ ...call, timeoutMs: Math.max(until - performance.now(), 1) });
}

/** One method lists and disarms, so it does not count as a read; this request is one, and may be repeated. */
function fetchAlarms(transport: Transport, call: CallOptions | undefined): Promise<AlarmResponse> {
  const request = { action: AlarmRequest_AlarmAction.GET, alarm: AlarmType.NONE };
  return callUnary(transport, Maintenance.method.alarm, request, { ...call, idempotent: true });
}

function disarm(
  transport: Transport,
  { memberID, alarm }: Pick<AlarmMember, "memberID" | "alarm">,
  call: CallOptions | undefined,
): Promise<AlarmResponse> {
  const request = { action: AlarmRequest_AlarmAction.DEACTIVATE, memberID, alarm };
  return callUnary(transport, Maintenance.method.alarm, request, call);
}

function decodeAlarms(answer: AlarmResponse): AlarmResult {
  const alarms = answer.alarms.map(({ memberID, alarm }): Alarm => {
    if (alarm === AlarmType.NOSPACE) return { memberId: memberID, type: "nospace" };
    return { memberId: memberID, type: alarm === AlarmType.CORRUPT ? "corrupt" : "unknown" };
  });
  return { header: headerOf(answer), alarms };
}
