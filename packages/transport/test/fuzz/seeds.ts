/** Inputs that once made the transport do something wrong, by seed, with what that was. */
export const failedSeeds: readonly (readonly [seed: number, what: string])[] = [
  [2, "a request that the socket was half through with counted as unsent"],
  [12, "a request that the socket was half through with counted as unsent"],
  [20, "a request that the socket was half through with counted as unsent"],
  [961, "a link that had come and gone in one breath counted as ready"],
  [1_586, "a link that had come and gone in one breath counted as ready"],
  [2_513, "a link that had come and gone in one breath counted as ready"],
];
