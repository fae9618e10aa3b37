import { Etcd3 } from "etcd3";
import type { Driver } from "./driver.js";
import { etcd3Leases } from "./etcd3-leases.js";
import { etcd3Locks } from "./etcd3-locks.js";
import { etcd3Watches } from "./etcd3-watches.js";

/** The client that npm has had so far, by its shortest ways that decode an answer. */
export async function openEtcd3(endpoint: string): Promise<Driver> {
  // A large part of a history in one answer is more than it takes by default.
  const grpcOptions = { "grpc.max_receive_message_length": -1 };
  const client = new Etcd3({ hosts: endpoint, grpcOptions });
  return {
    async get(key) {
      const value = await client.get(key).buffer();
      return value?.length ?? 0;
    },
    async put(key, value) {
      await client.put(key).value(bufferOf(value)).exec();
      return 1;
    },
    async txn([a, b, c], value) {
      const content = bufferOf(value);
      const { succeeded } = await client
        .if(a, "Version", ">", 0)
        .and(b, "Version", ">", 0)
        .and(c, "Version", ">", 0)
        .then(client.put(a).value(content), client.put(b).value(content), client.put(c).value(content))
        .commit();
      return succeeded ? 1 : 0;
    },
    async range(prefix) {
      const { kvs } = await client.getAll().prefix(prefix).exec();
      return kvs.length;
    },
    watches: etcd3Watches(client),
    leases: etcd3Leases(client),
    locks: etcd3Locks(client),
    async close() {
      client.close();
    },
  };
}

/** The same bytes as the Buffer that this client asks for. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
