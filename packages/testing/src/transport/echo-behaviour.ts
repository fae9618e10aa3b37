import type { MessageInitShape } from "@bufbuild/protobuf";
import type { EchoEntry, EchoLog } from "./echo-log.js";
import type { EchoRequest, EchoResponseSchema } from "./echo-service.js";

type Response = MessageInitShape<typeof EchoResponseSchema>;

/** A failure that the client asked for. */
export class EchoFailure extends Error {
  override readonly name = "EchoFailure";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a call looks like to the behaviour, whatever server it came through. */
export interface EchoCall {
  readonly header: Headers;
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** Metadata under these names comes back: as headers as they are, and as trailers with `-back` before any `-bin`. */
const echoed = ["x-echo", "x-echo-bin"] as const;

/** What an echo server does, apart from the server. */
export interface EchoBehaviour {
  unary(request: EchoRequest, call: EchoCall): Promise<Response>;
  serverStream(request: EchoRequest, call: EchoCall): AsyncGenerator<Response>;
  clientStream(requests: AsyncIterable<EchoRequest>, call: EchoCall): Promise<Response>;
  bidi(requests: AsyncIterable<EchoRequest>, call: EchoCall): AsyncGenerator<Response>;
}

export function createEchoBehaviour(log: EchoLog): EchoBehaviour {
  function begin({ name }: EchoRequest, call: EchoCall): EchoEntry {
    for (const header of echoed) {
      const value = call.header.get(header);
      if (value === null) continue;
      call.responseHeader.set(header, value);
      call.responseTrailer.set(header.replace("x-echo", "x-echo-back"), value);
    }
    const entry = log.begin(name, call.header);
    const isOver = (): void => {
      entry.over = true;
      log.changed();
    };
    if (call.signal.aborted) isOver();
    else call.signal.addEventListener("abort", isOver, { once: true });
    return entry;
  }

  const counted = (entry: EchoEntry, what: "sent" | "received"): void => {
    entry[what]++;
    log.changed();
  };

  const over = (entry: EchoEntry | undefined): void => {
    if (entry === undefined) return;
    entry.over = true;
    log.changed();
  };

  return {
    async unary(request, call) {
      const entry = begin(request, call);
      try {
        counted(entry, "received");
        if (request.wait) await untilAborted(call.signal);
        failIfAsked(request);
        return { payload: content(request), receivedBytes: BigInt(request.payload.length) };
      } finally {
        over(entry);
      }
    },

    async *serverStream(request, call) {
      const entry = begin(request, call);
      try {
        counted(entry, "received");
        const payload = content(request);
        for (let index = 0; index < request.count; index++) {
          counted(entry, "sent");
          yield { payload, index };
        }
        if (request.wait) await untilAborted(call.signal);
        failIfAsked(request);
      } finally {
        over(entry);
      }
    },

    async clientStream(requests, call) {
      let entry: EchoEntry | undefined;
      let receivedBytes = 0n;
      try {
        for await (const request of requests) {
          entry ??= begin(request, call);
          counted(entry, "received");
          receivedBytes += BigInt(request.payload.length);
          failIfAsked(request);
          if (request.finish) break;
        }
        return { receivedBytes, index: entry?.received ?? 0 };
      } finally {
        over(entry);
      }
    },

    async *bidi(requests, call) {
      let entry: EchoEntry | undefined;
      let index = 0;
      try {
        for await (const request of requests) {
          entry ??= begin(request, call);
          counted(entry, "received");
          failIfAsked(request);
          if (request.finish) return;
          counted(entry, "sent");
          yield { payload: content(request), index: index++ };
        }
      } finally {
        over(entry);
      }
    },
  };
}

function content({ sizeBytes, payload }: EchoRequest): Uint8Array {
  return sizeBytes > 0 ? new Uint8Array(sizeBytes).fill(0x61) : payload;
}

function failIfAsked({ code, errorMessage }: EchoRequest): void {
  if (code !== 0) throw new EchoFailure(code, errorMessage);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
