/** How the endpoint for the next call is chosen. */
export type BalancingPolicy = "round-robin" | "pick-first";

/** Chooses among endpoints, in the order of their keys; there is at least one. */
export type Pick = <L>(links: readonly [L, ...L[]]) => L;

/** The next one in turn. */
export function roundRobin(): Pick {
  let turn = -1;
  return (links) => {
    turn = (turn + 1) % links.length;
    return links[turn] ?? links[0];
  };
}

/** The one that was chosen last, for as long as it is among them; else the first. */
export function pickFirst(): Pick {
  let current: unknown;
  return (links) => {
    const chosen = links.find((link) => link === current) ?? links[0];
    current = chosen;
    return chosen;
  };
}
