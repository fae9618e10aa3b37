/** How a write ended as its caller saw it. */
export type Verdict = "resolved" | "not-applied" | "unknown" | "no outcome";

/** Compares what callers were told of their writes with what became of these. */
export class Tally {
  readonly #counts = { cuts: 0, zero: 0, once: 0, more: 0, mislabelled: 0 };
  readonly #verdicts = new Map<Verdict, number>();
  readonly #faults: string[] = [];

  /** @param applied - How often the write was applied in truth. */
  add(what: string, verdict: Verdict, applied: number): void {
    const counts = this.#counts;
    counts.cuts++;
    this.#verdicts.set(verdict, this.told(verdict) + 1);
    if (applied === 0) counts.zero++;
    else if (applied === 1) counts.once++;
    else counts.more++;
    const isWrong =
      verdict === "no outcome" ||
      (verdict === "not-applied" && applied > 0) ||
      (verdict === "resolved" && applied === 0);
    if (isWrong) counts.mislabelled++;
    if (isWrong || applied > 1) this.#faults.push(`${what}: told ${verdict}, applied ${applied} times`);
  }

  /** How many writes their callers were told this of. */
  told(verdict: Verdict): number {
    return this.#verdicts.get(verdict) ?? 0;
  }

  get appliedNever(): number {
    return this.#counts.zero;
  }

  get appliedOnce(): number {
    return this.#counts.once;
  }

  get appliedMoreOften(): number {
    return this.#counts.more;
  }

  /** What was wrong with each write that something was wrong with. */
  get faults(): readonly string[] {
    return [...this.#faults];
  }

  /** The figure, in one line. */
  toString(): string {
    const { cuts, zero, once, more, mislabelled } = this.#counts;
    return `${cuts} ambiguous cuts, applied 0 times: ${zero}, once: ${once}, more than once: ${more}, outcome mislabelled: ${mislabelled}`;
  }
}
