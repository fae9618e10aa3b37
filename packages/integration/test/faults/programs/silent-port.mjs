// Listens on a host and never takes a connection: it stops itself as soon as it has said where.
import { createServer } from "node:net";

const [host] = process.argv.slice(2);
const server = createServer();
server.listen({ host, port: 0, backlog: 1 }, () => {
  process.send(server.address().port, () => process.kill(process.pid, "SIGSTOP"));
});
