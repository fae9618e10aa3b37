import { ConnectionViolation, defaultMaxFrameBytes, ErrorCode, Setting } from "./frame.js";

/** What the server announced, with the defaults of RFC 9113, 6.5.2. */
export class ServerSettings {
  headerTableSize = 4_096;
  /** 2^32 - 1 stands for no limit. */
  maxConcurrentStreams: number = 2 ** 32 - 1;
  initialWindowBytes = 65_535;
  maxFrameBytes: number = defaultMaxFrameBytes;

  /** Reads a SETTINGS payload. @throws {@link ConnectionViolation} for a value out of range. */
  read(buffer: Buffer, start: number, end: number): void {
    if ((end - start) % 6 !== 0)
      throw new ConnectionViolation(ErrorCode.frameSizeError, "SETTINGS of an odd length");
    for (let position = start; position < end; position += 6) {
      this.#set(buffer.readUInt16BE(position), buffer.readUInt32BE(position + 2));
    }
  }

  #set(id: number, value: number): void {
    switch (id) {
      case Setting.headerTableSize:
        this.headerTableSize = value;
        break;
      case Setting.enablePush:
        // Only a client may ask for pushes.
        if (value !== 0) throw new ConnectionViolation(ErrorCode.protocolError, "a server that enables push");
        break;
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > 2 ** 31 - 1)
          throw new ConnectionViolation(ErrorCode.flowControlError, "a window above 2^31-1");
        this.initialWindowBytes = value;
        break;
      case Setting.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > 2 ** 24 - 1) {
          throw new ConnectionViolation(ErrorCode.protocolError, `a frame size of ${value}`);
        }
        this.maxFrameBytes = value;
        break;
      default: // Unknown settings are ignored (RFC 9113, 6.5.2).
        break;
    }
  }
}
