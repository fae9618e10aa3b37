/** Things that are closed together when a case ends: `await using servers = await together(...)`. */
export interface Together<T> extends AsyncDisposable {
  readonly all: readonly T[];
}

/** Waits for things that are being opened. When one fails, the others are closed again. */
export async function together<T extends AsyncDisposable>(
  ...opening: readonly Promise<T>[]
): Promise<Together<T>> {
  const settled = await Promise.allSettled(opening);
  const all = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
  };
  const failed = settled.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { all, [Symbol.asyncDispose]: close };
}
