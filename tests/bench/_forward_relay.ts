// A relay for forward_throughput.ts: `deno run --allow-net=127.0.0.0/8 _forward_relay.ts TARGET_PORT`
// prints the port that it listens on, and forwards what comes there to 127.0.0.1:TARGET_PORT.

import { connectTcp, listenTcp } from "../../lib/transport/mod.ts";
import { StreamForward } from "../../lib/traversal/mod.ts";

const ip = Uint8Array.of(127, 0, 0, 1);
const listener = listenTcp({ ip, port: 0 });
await Deno.stdout.write(new TextEncoder().encode(`${listener.localAddress.port}\n`));
for (;;) {
  const accepted = await listener.accept();
  if (accepted === undefined) break;
  const dialled = await connectTcp({ ip, port: Number(Deno.args[0]) });
  void new StreamForward(accepted, dialled);
}
