/** What a server knows of one call. */
export interface EchoEntry {
  /** How many messages it has given to its HTTP/2 side. */
  sent: number;
  /** How many requests it has read. */
  received: number;
  /** Whether it is over for the server, in any way. */
  over: boolean;
  /** The metadata that came with it. */
  header: Headers;
}

/** What a server knows of its calls, by the names that the tests gave them. */
export interface EchoLog {
  /** Notes that a call has begun. */
  begin(name: string, header: Headers): EchoEntry;
  /** Notes that something of it has changed. */
  changed(): void;
  /** The calls of that name, in order. */
  entries(name: string): readonly EchoEntry[];
  /** Resolves when the first call of that name is as the test wants it. */
  until(name: string, isSo: (entry: EchoEntry) => boolean): Promise<EchoEntry>;
}

export function createEchoLog(): EchoLog {
  const entries = new Map<string, EchoEntry[]>();
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of [...waiting]) look();
  };
  return {
    begin(name, header) {
      const entry: EchoEntry = { sent: 0, received: 0, over: false, header };
      entries.set(name, [...(entries.get(name) ?? []), entry]);
      changed();
      return entry;
    },
    changed,
    entries: (name) => entries.get(name) ?? [],
    until: (name, isSo) =>
      new Promise((resolve) => {
        const look = (): void => {
          const entry = entries.get(name)?.[0];
          if (entry === undefined || !isSo(entry)) return;
          waiting.delete(look);
          resolve(entry);
        };
        waiting.add(look);
        look();
      }),
  };
}
