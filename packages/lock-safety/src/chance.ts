/** Chance that a seed repeats. */
export interface Chance {
  /** From 0 up to, and not including, 1. */
  fraction(): number;
  between(least: number, most: number): number;
  /** Whether something happens that happens in this share of cases. */
  happens(share: number): boolean;
  /** @throws RangeError when there is nothing to choose from. */
  oneOf<T>(choices: readonly T[]): T;
}

/** @param seed - A whole number of 32 bits. The generator is Bob Jenkins' small one, which needs no more. */
export function createChance(seed: number): Chance {
  let [a, b, c, d] = [0xf1ea5eed, seed, seed, seed];
  const next = (): number => {
    const e = (a - ((b << 27) | (b >>> 5))) >>> 0;
    a = (b ^ ((c << 17) | (c >>> 15))) >>> 0;
    b = (c + d) >>> 0;
    c = (d + e) >>> 0;
    d = (e + a) >>> 0;
    return d;
  };
  for (let round = 0; round < 20; round++) next();
  const fraction = (): number => next() / 2 ** 32;
  return {
    fraction,
    between: (least, most) => least + (most - least) * fraction(),
    happens: (share) => fraction() < share,
    oneOf(choices) {
      const index = Math.floor(fraction() * choices.length);
      const [chosen] = choices.slice(index, index + 1);
      if (chosen === undefined) throw new RangeError("choices: expected at least one");
      return chosen;
    },
  };
}
