import { assertEquals } from "@std/assert";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { type NatBehavior, simAddress, SimNetwork } from "./mod.ts";

const EXTERNAL = simAddress("198.51.100.1:1024");

Deno.test("NatBox forgets a mapping when its lifetime is over (RFC 4787 section 4.3)", () => {
  const { sendAt, answerAt } = lab({ lifetimeMs: 30_000 });
  sendAt(0);
  assertEquals([answerAt(29_000), answerAt(29_900), answerAt(30_100)], [true, true, false]);
});

Deno.test("NatBox gives another port to what comes after the lifetime", () => {
  const { sendAt } = lab({ lifetimeMs: 30_000 });
  assertEquals([sendAt(0), sendAt(29_000), sendAt(58_000), sendAt(89_000)], [
    "198.51.100.1:1024",
    "198.51.100.1:1024",
    "198.51.100.1:1024",
    "198.51.100.1:1025",
  ]);
});

Deno.test("NatBox refreshes a mapping by packets from inside, and not by those from outside", () => {
  const { sendAt, answerAt } = lab({ lifetimeMs: 30_000 });
  sendAt(0);
  sendAt(20_000);
  assertEquals([answerAt(45_000), answerAt(49_000), answerAt(51_000)], [true, true, false]);
});

Deno.test("NatBox refreshes a mapping by packets from outside too when it is told to", () => {
  const { sendAt, answerAt } = lab({ lifetimeMs: 30_000, inboundRefresh: true });
  sendAt(0);
  assertEquals([answerAt(25_000), answerAt(50_000), answerAt(75_000)], [true, true, true]);
  assertEquals(answerAt(106_000), false);
});

for (const [refreshScope, admitted] of [["per-session", false], ["per-mapping", true]] as const) {
  Deno.test(`NatBox refreshes ${refreshScope} when it is told to`, () => {
    const { sendAt, answerAt } = lab({ lifetimeMs: 30_000, refreshScope });
    sendAt(0);
    sendAt(20_000, 3479);
    assertEquals([answerAt(35_000, 3479), answerAt(40_000, 3478)], [true, admitted]);
    // Either way the mapping itself has been kept
    assertEquals(sendAt(45_000), "198.51.100.1:1024");
  });
}

Deno.test("NatBox ends what came in by itself when what let it in ends", () => {
  const { sendAt, answerAt } = lab({ lifetimeMs: 30_000, filtering: "address-dependent" });
  sendAt(0);
  assertEquals([answerAt(20_000, 3479), answerAt(29_000, 3479)], [true, true]);
  assertEquals([answerAt(31_000, 3479), answerAt(31_500, 3478)], [false, false]);
});

Deno.test("NatBox.forget() makes it let nobody in, and map anew", () => {
  const { nat, sendAt, answerAt } = lab({});
  sendAt(0);
  assertEquals(answerAt(1000), true);
  nat.forget();
  assertEquals(answerAt(2000), false);
  assertEquals(sendAt(3000), "198.51.100.1:1025");
});

/** A host behind a box with sequential ports, and a server at two ports. */
function lab(behavior: NatBehavior) {
  const network = new SimNetwork({ link: { delayMs: 1 } });
  const nat = network.addNat({
    portAllocation: "sequential",
    externalIps: ["198.51.100.1"],
    ...behavior,
  });
  const host = network.addHost({ ips: ["10.0.0.2"], behind: nat });
  const server = network.addHost({ ips: ["203.0.113.1"] });
  const sockets = new Map([3478, 3479].map((port) => [port, server.openUdp(port)]));
  const client = host.openUdp(5000);
  let seen: string | undefined;
  let received = 0;
  for (const socket of sockets.values()) {
    socket.onReceive = (_, source) => void (seen = formatSocketAddress(source));
  }
  client.onReceive = () => void received++;
  return {
    nat,
    /** Sends to the server; what it sees the packet come from. */
    sendAt: (ms: number, port = 3478) => {
      network.run(ms);
      client.send(new Uint8Array(1), sockets.get(port)!.local);
      network.run(ms + 10);
      return seen;
    },
    /** Whether a packet of the server's to the first external address gets in. */
    answerAt: (ms: number, port = 3478) => {
      network.run(ms);
      received = 0;
      sockets.get(port)!.send(new Uint8Array(1), EXTERNAL);
      network.run(ms + 10);
      return received > 0;
    },
  };
}
