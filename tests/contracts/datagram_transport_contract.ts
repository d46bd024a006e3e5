import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type Datagram, type DatagramTransport, ListenError } from "../../lib/transport/mod.ts";
import { formatIp, parseIp, type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";

/** Opens the transport under test. */
export type OpenDatagramTransport = (
  options: { readonly ip: Uint8Array; readonly port: number },
) => DatagramTransport;

/**
 * Registers the tests that every {@linkcode DatagramTransport} passes. The other side is a plain
 * socket of `Deno.listenDatagram`, so that no implementation is only right about itself.
 */
export function testDatagramTransport(name: string, open: OpenDatagramTransport): void {
  const test = (behaviour: string, run: (open: OpenDatagramTransport) => Promise<void>) =>
    Deno.test(`${name} ${behaviour}`, async () => {
      const opened: DatagramTransport[] = [];
      try {
        await run((options) => {
          const transport = open(options);
          opened.push(transport);
          return transport;
        });
      } finally {
        for (const transport of opened) transport.close();
      }
    });

  for (const host of ["127.0.0.1", "::1"]) {
    test(`receives and answers when it is bound to ${host}`, async (open) => {
      const transport = open({ ip: ip(host), port: 0 });
      assertEquals(transport.localAddress.ip, ip(host));
      assertNotEquals(transport.localAddress.port, 0);
      using peer = new PlainPeer(host);
      await peer.send(Uint8Array.of(1, 2, 3), transport.localAddress);
      const [datagram, ...others] = await received(transport);
      assertEquals(others, []);
      assertEquals([...datagram!.bytes], [1, 2, 3]);
      assertEquals({ ...datagram!.peer }, peer.address);
      await transport.send([{ bytes: Uint8Array.of(4, 5), peer: datagram!.peer }]);
      assertEquals(await peer.receive(), {
        bytes: Uint8Array.of(4, 5),
        peer: transport.localAddress,
      });
      assertEquals(transport.sendFailures, 0);
    });
  }

  test("gives 4-byte addresses to IPv4 peers when it is bound to ::", async (open) => {
    const transport = open({ ip: ip("::"), port: 0 });
    assertEquals(transport.localAddress.ip, ip("::"));
    for (const host of ["127.0.0.1", "::1"]) {
      using peer = new PlainPeer(host);
      const server = socketAddress(ip(host), transport.localAddress.port);
      await peer.send(Uint8Array.of(7), server);
      const [datagram] = await received(transport);
      assertEquals({ ...datagram!.peer }, peer.address);
      await transport.send([{ bytes: Uint8Array.of(8), peer: datagram!.peer }]);
      assertEquals(await peer.receive(), { bytes: Uint8Array.of(8), peer: server });
    }
    assertEquals(transport.sendFailures, 0);
  });

  test("sends to peers that it has not heard when it is bound to ::", async (open) => {
    const transport = open({ ip: ip("::"), port: 0 });
    for (const host of ["127.0.0.1", "::1"]) {
      using peer = new PlainPeer(host);
      await transport.send([{ bytes: Uint8Array.of(9), peer: peer.address }]);
      assertEquals(await peer.receive(), {
        bytes: Uint8Array.of(9),
        peer: socketAddress(ip(host), transport.localAddress.port),
      });
    }
  });

  test("answers from another socket when a peer is handed over", async (open) => {
    const dual = open({ ip: ip("::"), port: 0 });
    const plain = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    await peer.send(
      Uint8Array.of(1),
      socketAddress(ip("127.0.0.1"), dual.localAddress.port),
    );
    const [datagram] = await received(dual);
    await plain.send([{ bytes: Uint8Array.of(2), peer: datagram!.peer }]);
    assertEquals(await peer.receive(), { bytes: Uint8Array.of(2), peer: plain.localAddress });
  });

  test("receives and sends datagrams without a byte", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    await peer.send(new Uint8Array(0), transport.localAddress);
    const [datagram] = await received(transport);
    assertEquals(datagram!.bytes.length, 0);
    await transport.send([{ bytes: new Uint8Array(0), peer: datagram!.peer }]);
    assertEquals((await peer.receive()).bytes.length, 0);
  });

  test("receives and sends the longest datagram, 65,507 bytes", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    const bytes = Uint8Array.from({ length: 65_507 }, (_, i) => i % 251);
    await peer.send(bytes, transport.localAddress);
    const [datagram] = await received(transport);
    assertEquals(datagram!.bytes.length, bytes.length);
    assert(datagram!.bytes.every((byte, i) => byte === bytes[i]));
    await transport.send([{ bytes, peer: datagram!.peer }]);
    const echoed = await peer.receive();
    assertEquals(echoed.bytes.length, bytes.length);
    assert(echoed.bytes.every((byte, i) => byte === bytes[i]));
  });

  test("sends a batch of 100 in order, and an empty batch", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    await transport.send([]);
    await transport.send(
      Array.from({ length: 100 }, (_, i) => ({ bytes: Uint8Array.of(i), peer: peer.address })),
    );
    const found: number[] = [];
    for (let i = 0; i < 100; i++) found.push((await peer.receive()).bytes[0]!);
    assertEquals(found, Array.from({ length: 100 }, (_, i) => i));
    assertEquals(transport.sendFailures, 0);
  });

  test("receives 100 datagrams that came before it was asked", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    for (let i = 0; i < 100; i++) await peer.send(Uint8Array.of(i), transport.localAddress);
    const found: number[] = [];
    while (found.length < 100) {
      for (const { bytes } of await received(transport)) found.push(...bytes);
    }
    assertEquals(found, Array.from({ length: 100 }, (_, i) => i));
  });

  test("lives on when nobody listens at a peer's port", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    const dead = deadAddress();
    const receiving = received(transport);
    for (let i = 0; i < 3; i++) await transport.send([{ bytes: Uint8Array.of(i), peer: dead }]);
    using peer = new PlainPeer("127.0.0.1");
    await peer.send(Uint8Array.of(1), transport.localAddress);
    const [datagram] = await receiving;
    assertEquals([...datagram!.bytes], [1]);
  });

  test("counts what cannot be sent and sends the rest", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    using peer = new PlainPeer("127.0.0.1");
    await transport.send([{ bytes: new Uint8Array(65_508), peer: peer.address }]);
    assertEquals(transport.sendFailures, 1);
    await transport.send([
      { bytes: Uint8Array.of(1), peer: peer.address },
      { bytes: new Uint8Array(65_508), peer: peer.address },
      { bytes: Uint8Array.of(2), peer: socketAddress(ip("::1"), peer.address.port) },
      { bytes: Uint8Array.of(3), peer: peer.address },
    ]);
    assertEquals(transport.sendFailures, 3);
    assertEquals([...(await peer.receive()).bytes], [1]);
    assertEquals([...(await peer.receive()).bytes], [3]);
  });

  test("ends a pending receive and all later ones when it is closed", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    const pending = received(transport);
    transport.close();
    assertEquals(await pending, []);
    assertEquals(await received(transport), []);
  });

  test("counts what is sent after it was closed", async (open) => {
    const transport = open({ ip: ip("127.0.0.1"), port: 0 });
    transport.close();
    await transport.send([{ bytes: Uint8Array.of(1), peer: transport.localAddress }]);
    assertEquals(transport.sendFailures, 1);
  });

  test("frees its port when it is closed, once or twice", (open) => {
    const first = open({ ip: ip("127.0.0.1"), port: 0 });
    first.close();
    first.close();
    const { localAddress } = open({ ip: ip("127.0.0.1"), port: first.localAddress.port });
    assertEquals(localAddress, first.localAddress);
    return Promise.resolve();
  });

  test("cannot be opened when the port is in use", (open) => {
    using peer = new PlainPeer("127.0.0.1");
    const { port } = peer.address;
    const error = assertThrows(() => open({ ip: ip("127.0.0.1"), port }), ListenError);
    assertEquals(error.code, "address-in-use");
    assertEquals(error.address, peer.address);
    assertEquals(error.transport, "udp");
    assertEquals(
      error.message,
      `Cannot listen on udp 127.0.0.1:${port}: the address is in use by another program`,
    );
    return Promise.resolve();
  });

  test("cannot be opened when the address is not one of this host", (open) => {
    const error = assertThrows(() => open({ ip: ip("203.0.113.5"), port: 3478 }), ListenError);
    assertEquals(error.code, "address-not-available");
    assertEquals(
      error.message,
      "Cannot listen on udp 203.0.113.5:3478: 203.0.113.5 is not an address of this host",
    );
    return Promise.resolve();
  });

  test("throws when it is opened with bad arguments", (open) => {
    assertThrows(() => open({ ip: new Uint8Array(5), port: 0 }), RangeError);
    assertThrows(() => open({ ip: ip("127.0.0.1"), port: 65_536 }), RangeError);
    return Promise.resolve();
  });
}

/** A plain UDP socket to talk to the transport under test. */
class PlainPeer implements Disposable {
  readonly address: SocketAddress;
  readonly #socket: Deno.DatagramConn;

  constructor(hostname: string) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.address = { ip: ip(hostname), port: (this.#socket.addr as Deno.NetAddr).port };
  }

  async send(bytes: Uint8Array, to: SocketAddress): Promise<void> {
    const address = { transport: "udp", hostname: formatIp(to.ip), port: to.port } as const;
    assertEquals(await this.#socket.send(bytes, address), bytes.length);
  }

  async receive(): Promise<Datagram> {
    const [bytes, from] = await this.#socket.receive(new Uint8Array(65_536));
    const { hostname, port } = from as Deno.NetAddr;
    return { bytes, peer: { ip: ip(hostname), port } };
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** The next batch, copied, so that it outlives the next receive. */
async function received(transport: DatagramTransport): Promise<Datagram[]> {
  return (await transport.receive()).map(({ bytes, peer }) => ({ bytes: bytes.slice(), peer }));
}

/** An address that nobody listens at: it was free a moment ago. */
function deadAddress(): SocketAddress {
  using peer = new PlainPeer("127.0.0.1");
  return peer.address;
}

function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
