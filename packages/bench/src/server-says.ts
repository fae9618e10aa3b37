/** Questions to a server past the clients that are measured, over the plain HTTP that it speaks too. */

/** How many renewals of leases the server has done, whoever asked for them. */
export async function renewalCount(endpoint: string): Promise<number> {
  const { status, text } = await readMetrics(endpoint);
  const found = metricOf(text, "etcd_debugging_lease_renewed_total");
  if (found === undefined) throw new Error(`${endpoint} does not count renewals (status ${status})`);
  return found;
}

/** How many leases there are. */
export async function leaseCount(endpoint: string): Promise<number> {
  const response = await fetch(new URL("/v3/lease/leases", endpoint), { method: "POST", body: "{}" });
  if (!response.ok) throw new Error(`${endpoint} does not list its leases (status ${response.status})`);
  const { leases = [] } = (await response.json()) as { readonly leases?: readonly unknown[] };
  return leases.length;
}

/** What a server had to do, whoever asked for it. */
export interface ServerCounts {
  /** Messages that came in, of calls and on streams: creating a watch is one, and ending it another. */
  readonly requests: number;
  /** Events that went out, at each watch. */
  readonly events: number;
  /** Keys or ranges that were deleted. */
  readonly deletions: number;
}

/** What the server has had to do so far. */
export async function serverCounts(endpoint: string): Promise<ServerCounts> {
  const { status, text } = await readMetrics(endpoint);
  const requests = [...text.matchAll(/^grpc_server_msg_received_total\{.*\} (\S+)$/gm)];
  const events = metricOf(text, "etcd_debugging_mvcc_events_total");
  const deletions = metricOf(text, "etcd_mvcc_delete_total");
  if (requests.length === 0 || events === undefined || deletions === undefined) {
    throw new Error(`${endpoint} does not count what it does (status ${status})`);
  }
  return { requests: requests.reduce((sum, [, count]) => sum + Number(count), 0), events, deletions };
}

async function readMetrics(endpoint: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(new URL("/metrics", endpoint));
  return { status: response.status, text: await response.text() };
}

/** The value of a metric without labels. */
function metricOf(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
