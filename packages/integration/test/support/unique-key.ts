let count = 0;

/** A key, or a prefix of keys, that no other case uses: cases share a cluster. */
export function uniqueKey(name = "key"): string {
  count += 1;
  return `${name}/${process.pid}-${count}/`;
}
