/** The oldest etcd that the packages speak to. */
const oldest = [3, 4];

export function isSupported(version) {
  const [major, minor] = version.split(".").map(Number);
  return major === oldest[0] && minor >= oldest[1];
}

/** Whether `ETCD_VERSIONS=3.4,3.7.1` asks for this version; without it, every version is asked for. */
export function isWanted(version, environment = process.env) {
  const wanted = (environment.ETCD_VERSIONS ?? "").split(",").map((part) => part.trim());
  const named = wanted.filter(Boolean);
  return named.length === 0 || named.some((part) => version === part || version.startsWith(`${part}.`));
}
