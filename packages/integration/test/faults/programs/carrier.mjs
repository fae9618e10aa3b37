// Carries connections to a unix socket, in whatever network it was started. It ends with the process that started it.
import { connect, createServer } from "node:net";

const [path] = process.argv.slice(2);
process.on("disconnect", () => process.exit());
const server = createServer({ allowHalfOpen: true }, (client) => {
  const onward = connect({ path, allowHalfOpen: true });
  client.pipe(onward).pipe(client);
  for (const [one, other] of [
    [client, onward],
    [onward, client],
  ]) {
    one.on("error", () => undefined);
    one.on("close", () => other.destroy());
  }
});
server.listen(0, "0.0.0.0", () => process.send(server.address().port));
