/** Something that a person must put right: one sentence that says what is missing and how to get it. */
export class Failure extends Error {
  /**
   * @param {string} sentence What is missing and how to get it.
   * @param {string} [output] What the failing tool said; its end is printed below the sentence.
   */
  constructor(sentence, output = "") {
    super(sentence);
    this.name = "Failure";
    this.output = output;
  }
}

/** Somebody asked us to stop: nothing that fails from then on is a failure of its own. */
export class Interrupted extends Failure {
  constructor() {
    super("Interrupted.");
    this.name = "Interrupted";
  }
}

/** Prints a failure, and the last lines of what the failing tool said. Anything else is a defect: its stack is shown. */
export function report(error) {
  if (!(error instanceof Failure)) {
    console.error(error);
    return;
  }
  console.error(`\n${error.message}`);
  const tail = error.output.trimEnd().split("\n").slice(-15);
  if (tail.join("") !== "") console.error(`\n${tail.map((line) => `  | ${line}`).join("\n")}`);
}

const causes = [
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|ENETUNREACH|dns error|error sending request|network (is unreachable|request)/i,
    "The npm registry cannot be reached: check the network, the proxy settings and what `npm config get registry` says, then run the command again.",
  ],
  [
    /CERT_|SELF_SIGNED|self.signed certificate|UNABLE_TO_(VERIFY|GET_ISSUER)/i,
    "The npm registry's certificate is not trusted: set `cafile` in the npm configuration to the certificate authority of your network, then run the command again.",
  ],
  [/ENOSPC|no space left/i, "The disk is full: free some space, then run the command again."],
  [
    /EACCES|EPERM|EROFS|permission denied|read-only file system/i,
    "A folder cannot be written: run the command as the owner of this checkout, or make the checkout writable.",
  ],
];

/** The sentence for a tool that failed for one of the reasons that are the machine's, not ours. */
export function machineFault(output) {
  return causes.find(([pattern]) => pattern.test(output))?.[1];
}
