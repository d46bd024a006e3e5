import { assertEquals } from "@std/assert";
import { StunResponder } from "../../lib/protocol/mod.ts";
import { StreamService } from "../../lib/server/stream_service.ts";
import { request } from "../protocol/binding_cases.ts";
import { memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { FakeConnection, FakeListener } from "./fake_stream.ts";

Deno.test("StreamService counts bytes and open connections per protocol, and those it refuses", async () => {
  const tcp = new FakeListener();
  const tls = Object.assign(new FakeListener(), { replaceCertificate: () => {} });
  const service = new StreamService({
    groups: [
      [{ transport: "tcp", role: "primary", socket: tcp }],
      [{ transport: "tls", role: "primary", socket: tls }],
    ],
    policy: {
      responder: new StunResponder(),
      limits: {
        maxConnections: 3,
        maxConnectionsPerAddress: 2,
        maxMessageBytes: 2048,
        timeouts: { idleMs: 10_000, partialMs: 5000, writeMs: 5000 },
      },
      proxies: [],
    },
    clock: new VirtualClock(),
    logger: memoryLogger(),
  });
  service.start();
  // Two of one address, whether over TCP or TLS; the third of it, then the fourth of all is refused
  const first = await admit(tcp, "192.0.2.1:1");
  const second = await admit(tls, "192.0.2.1:2");
  await admit(tls, "192.0.2.1:3");
  await admit(tcp, "192.0.2.2:1");
  await admit(tcp, "192.0.2.3:1");
  assertEquals([service.connections, service.refused], [3, 2]);
  for (const connection of [first, second, second]) {
    connection.give(request());
    await connection.untilReading();
  }
  second.give(Uint8Array.of(0x00));
  await second.untilReading();
  assertEquals(service.usage, {
    tcp: { received: 20, sent: 32, connections: 2 },
    tls: { received: 41, sent: 64, connections: 1 },
  });
  await service.close();
  assertEquals(service.usage, {
    tcp: { received: 20, sent: 32, connections: 0 },
    tls: { received: 41, sent: 64, connections: 0 },
  });
  assertEquals([service.connections, service.refused], [0, 2]);
});

async function admit(listener: FakeListener, from: string): Promise<FakeConnection> {
  const connection = new FakeConnection(from);
  await listener.untilAccepting();
  listener.give(connection);
  await listener.untilAccepting();
  return connection;
}
