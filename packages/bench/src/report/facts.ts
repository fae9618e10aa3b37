/** On what a measurement was made, in the words that are shown. */
export interface Facts {
  readonly date: string;
  readonly cpu: string;
  readonly memory: string;
  readonly kernel: string;
  readonly node: string;
  readonly etcd: string;
  readonly go: string;
  /** The versions of the clients that are not ours. */
  readonly clients: string;
  /** Processes that wanted a CPU in the minute before, on average: what else the machine had to do. */
  readonly loadBefore: number;
}

/** The facts as a sentence or two. */
export function describeFacts(facts: Facts): string {
  return [
    `${facts.date}. ${facts.cpu}, ${facts.memory}, ${facts.kernel}, load ${facts.loadBefore.toFixed(1)} before.`,
    `etcd ${facts.etcd}, Node ${facts.node}, Go ${facts.go}. ${facts.clients}.`,
  ].join("\n");
}
