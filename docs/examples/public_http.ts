// A web server behind a NAT that the world can open.
//
//   deno run --allow-net --unstable-net docs/examples/public_http.ts stun:stun.example.org
//
// It takes a STUN server that holds TCP connections, as Pinhole's does, and a NAT that lets strangers
// in (`pinhole reach` tells); more servers may follow on the command line.

// deno-lint-ignore-file no-console
import {
  connectTcp,
  formatSocketAddress,
  listenPublicTcp,
  parseSocketAddress,
  PublicAddressEvent,
  systemClock,
  TcpGateway,
  verifyReach,
} from "@pinhole/stun";

// Any web server does; this one runs in the same process, on a port that only this host can reach
const web = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  () => new Response("Hello from behind a NAT\n"),
);
const service = parseSocketAddress(`127.0.0.1:${web.addr.port}`);
if (!service.ok) throw new Error(service.reason);

const ctrlC = new AbortController();
Deno.addSignalListener("SIGINT", () => ctrlC.abort());

await using listener = await listenPublicTcp({
  servers: Deno.args,
  signal: ctrlC.signal,
  onEvent: (event) => {
    // The first address and each later one: NATs forget, and routers get other addresses
    if (event instanceof PublicAddressEvent) {
      console.log(`http://${formatSocketAddress(event.publicAddress)}/`);
    }
  },
});
const { reachable, reason } = await verifyReach(listener);
console.log(reachable === true ? "The world can open it" : `Not known to be reachable: ${reason}`);

// The gateway has the caps: who may come, how many, how long the service may take to answer
const gateway = new TcpGateway({
  dial: (signal) => connectTcp(service.value, { signal }),
  clock: systemClock,
});
for await (const visitor of listener) gateway.take(visitor);
await gateway.close(2_000);
await web.shutdown();
