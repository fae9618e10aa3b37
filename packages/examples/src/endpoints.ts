/** Where the examples find etcd: `ETCD_ENDPOINTS` (several separated by commas), else etcd's usual port on this machine. */
export const endpoints: string = process.env["ETCD_ENDPOINTS"] || "http://localhost:2379";
