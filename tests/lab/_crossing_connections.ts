// Two shared ports of one process that connect to each other at the same time, in a namespace whose
// firewall loses the first SYN of each, so that the second ones cross. Says what became of it.

import { openSharedTcpPort, type TcpPortSharing } from "../../lib/transport/mod.ts";

const [sharing, listening] = Deno.args as [TcpPortSharing, string];
const ip = Uint8Array.of(127, 0, 0, 1);
const ports = [
  await openSharedTcpPort({ ip, port: 0, sharing }),
  await openSharedTcpPort({ ip, port: 0, sharing }),
] as const;
if (listening === "listening") { for (const port of ports) port.listen(); }
const [one, two] = await Promise.all([
  ports[0].connect(ports[1].localAddress),
  ports[1].connect(ports[0].localAddress),
]);
await Promise.all([one.write(Uint8Array.of(1)), two.write(Uint8Array.of(2))]);
const found = {
  ends: [one.localAddress.port, two.localAddress.port],
  peers: [two.remoteAddress.port, one.remoteAddress.port],
  bytes: [[...await two.read() ?? []], [...await one.read() ?? []]],
};
for (const socket of [one, two, ...ports]) socket.close();
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(found) + "\n"));
