import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DenoDatagram, type DenoDatagramSocket } from "../../lib/transport/deno_datagram.ts";
import { openDenoDatagram } from "../../lib/transport/mod.ts";
import { testDatagramTransport } from "../contracts/datagram_transport_contract.ts";

testDatagramTransport("openDenoDatagram()", openDenoDatagram);

Deno.test("openDenoDatagram() says that it runs on Deno's own sockets", () => {
  const transport = openDenoDatagram({ ip: LOOPBACK, port: 0 });
  assertEquals(transport.io, "deno");
  transport.close();
});

Deno.test("openDenoDatagram() throws when Deno runs without --unstable-net", () => {
  const { listenDatagram } = Deno;
  Reflect.deleteProperty(Deno, "listenDatagram");
  try {
    assertThrows(
      () => openDenoDatagram({ ip: LOOPBACK, port: 0 }),
      TypeError,
      "Cannot open a UDP socket: Deno.listenDatagram is missing, pass --unstable-net",
    );
  } finally {
    Object.assign(Deno, { listenDatagram });
  }
});

Deno.test("DenoDatagram.receive() goes on when the socket reports an error", async () => {
  const socket = new ScriptedSocket([
    new Deno.errors.ConnectionRefused("some peer's port is closed"),
    new Error("some peer's host cannot be reached"),
    [Uint8Array.of(5), from("192.0.2.1")],
  ]);
  const transport = new DenoDatagram(socket);
  assertEquals(await transport.receive(), [{
    bytes: Uint8Array.of(5),
    peer: { ip: Uint8Array.of(192, 0, 2, 1), port: 5000 },
  }]);
  transport.close();
});

Deno.test("DenoDatagram.receive() waits between tries when the socket always fails", async () => {
  const socket = new ScriptedSocket([]);
  const transport = new DenoDatagram(socket);
  const receiving = transport.receive();
  await new Promise((resolve) => setTimeout(resolve, 20));
  transport.close();
  assertEquals(await receiving, []);
  // 1, 2, 4, 8 and 16 ms apart: 6 tries at most fit into 20 ms, a few more on a slow machine.
  assertEquals(socket.receives < 12, true);
});

Deno.test("DenoDatagram.receive() ends when the socket is gone", async () => {
  const transport = new DenoDatagram(new ScriptedSocket([new Deno.errors.BadResource("gone")]));
  assertEquals(await transport.receive(), []);
});

Deno.test("DenoDatagram.receive() passes a peer over when its address cannot be read", async () => {
  const transport = new DenoDatagram(
    new ScriptedSocket([
      [Uint8Array.of(1), from("nowhere")],
      [Uint8Array.of(2), from("::ffff:nowhere")],
      [Uint8Array.of(3), from("::ffff:1")],
    ]),
  );
  const ip = new Uint8Array(16);
  ip.set([0xff, 0xff, 0, 1], 12);
  assertEquals(await transport.receive(), [{ bytes: Uint8Array.of(3), peer: { ip, port: 5000 } }]);
});

Deno.test("DenoDatagram.send() calls the peer just heard as the socket called it", async () => {
  const socket = new ScriptedSocket([[Uint8Array.of(1), from("::ffff:192.0.2.1")]]);
  const transport = new DenoDatagram(socket);
  const [datagram] = await transport.receive();
  await transport.send([datagram!]);
  await transport.send([{ ...datagram!, peer: { ...datagram!.peer } }]);
  assertEquals(socket.sentTo.map((address) => address.hostname), [
    "::ffff:192.0.2.1",
    "192.0.2.1",
  ]);
});

Deno.test("DenoDatagram.send() maps IPv4 peers when the socket is an IPv6 one", async () => {
  const socket = new ScriptedSocket([], "::");
  const peer = { ip: Uint8Array.of(192, 0, 2, 1), port: 5000 };
  await new DenoDatagram(socket).send([{ bytes: Uint8Array.of(1), peer }]);
  assertEquals(socket.sentTo, [from("::ffff:192.0.2.1")]);
});

Deno.test("DenoDatagram.send() rejects when a peer's IP address has a wrong length", async () => {
  const transport = new DenoDatagram(new ScriptedSocket([]));
  const peer = { ip: new Uint8Array(5), port: 1 };
  await assertRejects(
    () => transport.send([{ bytes: new Uint8Array(1), peer }]),
    RangeError,
    "Cannot write an IP address: it has 5 bytes, wanted 4 or 16",
  );
  assertEquals(transport.sendFailures, 0);
});

type Step = Error | [Uint8Array<ArrayBuffer>, Deno.NetAddr];

/** A socket that receives what the test wrote down, and then nothing but errors. */
class ScriptedSocket implements DenoDatagramSocket {
  readonly addr: Deno.NetAddr;
  readonly sentTo: Deno.NetAddr[] = [];
  receives = 0;
  readonly #steps: Step[];

  constructor(steps: Step[], hostname = "127.0.0.1") {
    this.#steps = steps;
    this.addr = from(hostname);
  }

  receive(): Promise<[Uint8Array<ArrayBuffer>, Deno.Addr]> {
    this.receives++;
    const step = this.#steps.shift() ?? new Error("nothing left");
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
  }

  send(bytes: Uint8Array, to: Deno.Addr): Promise<number> {
    this.sentTo.push(to as Deno.NetAddr);
    return Promise.resolve(bytes.length);
  }

  close(): void {}
}

function from(hostname: string): Deno.NetAddr {
  return { transport: "udp", hostname, port: 5000 };
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
