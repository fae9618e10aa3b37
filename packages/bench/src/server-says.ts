/** Questions to a server past the clients that are measured, over the plain HTTP that it speaks too. */

/** How many renewals of leases the server has done, whoever asked for them. */
export async function renewalCount(endpoint: string): Promise<number> {
  const response = await fetch(new URL("/metrics", endpoint));
  const found = /^etcd_debugging_lease_renewed_total (\S+)$/m.exec(await response.text())?.[1];
  if (found === undefined) throw new Error(`${endpoint} does not count renewals (status ${response.status})`);
  return Number(found);
}

/** How many leases there are. */
export async function leaseCount(endpoint: string): Promise<number> {
  const response = await fetch(new URL("/v3/lease/leases", endpoint), { method: "POST", body: "{}" });
  if (!response.ok) throw new Error(`${endpoint} does not list its leases (status ${response.status})`);
  const { leases = [] } = (await response.json()) as { readonly leases?: readonly unknown[] };
  return leases.length;
}
