// The workspace's own export condition points at sources, so that nothing needs a build while one works here.
// It is taken out of what is published: a program that depends on us gets `dist`, whatever conditions it sets.
const sourceCondition = "@etcdkit/source";

function withoutSource(target) {
  if (typeof target !== "object" || target === null) return target;
  return Object.fromEntries(
    Object.entries(target)
      .filter(([condition]) => condition !== sourceCondition)
      .map(([condition, nested]) => [condition, withoutSource(nested)]),
  );
}

export const hooks = {
  beforePacking(manifest) {
    return manifest.exports ? { ...manifest, exports: withoutSource(manifest.exports) } : manifest;
  },
};
