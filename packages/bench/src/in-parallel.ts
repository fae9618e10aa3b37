/**
 * Does something for each number below `count`, so many at any time.
 *
 * @returns The results in their order.
 * @throws (rejects) What one of them rejects with first; no more begin after that.
 */
export async function inParallel<T>(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      while (next < count) {
        const index = next++;
        results[index] = await work(index);
      }
    } catch (error) {
      next = count;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}
