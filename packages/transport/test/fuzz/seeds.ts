/** Inputs that once failed, by seed, with what was wrong: with the transport, unless it says the fuzzer. */
export const failedSeeds: readonly (readonly [seed: number, what: string])[] = [
  [2, "a request that the socket was half through with counted as unsent"],
  [12, "a request that the socket was half through with counted as unsent"],
  [20, "a request that the socket was half through with counted as unsent"],
  [961, "a link that had come and gone in one breath counted as ready"],
  [1_586, "a link that had come and gone in one breath counted as ready"],
  [2_513, "a link that had come and gone in one breath counted as ready"],
  [510_194_882, "the fuzzer took another call's stream for that of a call given up before it had one"],
  [510_612_334, "the fuzzer took another call's stream for that of a call given up before it had one"],
];
