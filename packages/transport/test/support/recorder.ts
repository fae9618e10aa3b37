import type { Disposition } from "../../src/disposition.js";
import type { HeaderFields } from "../../src/hpack/header-decoder.js";
import type { StreamHandler } from "../../src/http2/stream.js";

/** How a stream ended. */
export type Ending =
  | { readonly how: "ended" }
  | {
      readonly how: "failed";
      readonly reason: Error;
      readonly disposition: Disposition;
      readonly code: number | undefined;
    };

/** Writes down what happens to a stream. */
export class Recorder implements StreamHandler {
  readonly headers: { readonly fields: HeaderFields; readonly end: boolean }[] = [];
  readonly data: Buffer[] = [];
  readonly endings: Ending[] = [];

  onHeaders(fields: HeaderFields, end: boolean): void {
    this.headers.push({ fields, end });
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.data.push(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(): void {
    this.endings.push({ how: "ended" });
  }

  onFailure(reason: Error, disposition: Disposition, code: number | undefined): void {
    this.endings.push({ how: "failed", reason, disposition, code });
  }

  get content(): Buffer {
    return Buffer.concat(this.data);
  }

  get ending(): Ending | undefined {
    return this.endings[0];
  }

  get disposition(): Disposition | undefined {
    return this.ending?.how === "failed" ? this.ending.disposition : undefined;
  }
}
