import type { Driver, OpenDriver } from "./driver.js";

/** One of the clients that are measured side by side. */
export interface ClientChoice {
  /** Its name on the command line. */
  readonly name: string;
  /** Its name in tables and pictures. */
  readonly title: string;
  /** Loads it only then, so that nothing of the others is in the memory of its process; undefined: the Go program. */
  readonly open?: OpenDriver | undefined;
}

/** All clients, in the order in which they are shown. */
export const clients: readonly ClientChoice[] = [
  {
    name: "ours",
    title: "etcdkit",
    open: async (endpoint) => (await import("./etcdkit.js")).openEtcdkit(endpoint),
  },
  {
    name: "ours-connect-node",
    title: "etcdkit over connect-node",
    open: async (endpoint) => (await import("./etcdkit-connect-node.js")).openEtcdkitConnectNode(endpoint),
  },
  {
    name: "etcd3",
    title: "etcd3",
    open: async (endpoint) => (await import("./etcd3.js")).openEtcd3(endpoint),
  },
  {
    name: "grpc-js",
    title: "grpc-js and protobuf-es",
    open: async (endpoint) => (await import("./grpc-js.js")).openGrpcJs(endpoint),
  },
  { name: "go", title: "Go clientv3" },
  {
    name: "ceiling",
    title: "frames only (the ceiling)",
    open: async (endpoint) => (await import("./ceiling/ceiling.js")).openCeiling(endpoint),
  },
];

/** @throws `RangeError` that names what is no client. */
export function chooseClients(wanted: readonly string[]): readonly ClientChoice[] {
  for (const name of wanted) clientNamed(name);
  return clients.filter(({ name }) => wanted.includes(name));
}

function clientNamed(name: string): ClientChoice {
  const found = clients.find((client) => client.name === name);
  if (found !== undefined) return found;
  throw new RangeError(
    `clients: there is no ${name}. There are ${clients.map((one) => one.name).join(", ")}`,
  );
}

/** @throws `TypeError` for the client that is not JavaScript, `RangeError` when there is none of that name. */
export function openClient(name: string, endpoint: string): Promise<Driver> {
  const { open } = clientNamed(name);
  if (open === undefined) throw new TypeError(`clients: ${name} is not written in JavaScript`);
  return open(endpoint);
}
