/** The elements in their order, beginning with another one for each number. */
export function rotated<T>(elements: readonly T[], by: number): readonly T[] {
  const first = by % Math.max(elements.length, 1);
  return [...elements.slice(first), ...elements.slice(0, first)];
}
