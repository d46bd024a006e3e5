import { assertEquals } from "@std/assert";
import {
  type Arrival,
  ENDPOINT_ROLES,
  type EndpointRole,
  type Reply,
  StunResponder,
} from "../../lib/protocol/mod.ts";
import { DatagramService } from "../../lib/server/datagram_service.ts";
import { attribute, CHANGE_REQUEST, formatSocketAddress } from "../../lib/wire/mod.ts";
import { address, IPV4_GROUP, IPV4_SOURCE, raw, request } from "../protocol/binding_cases.ts";
import { type MemoryLogger, memoryLogger } from "../support/memory_logger.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { FakeDatagrams } from "./fake_datagrams.ts";

Deno.test("DatagramService answers every datagram of a batch, each to its sender", async () => {
  const { service, sockets } = serve();
  const senders = ["192.0.2.1:1000", "192.0.2.2:2000", "192.0.2.1:3000"];
  await sockets.primary.give(senders.map((text) => ({ bytes: request(), peer: address(text) })));
  assertEquals(sockets.primary.sent, senders.map((text) => ({ bytes: 56, to: text })));
  await service.close();
});

Deno.test("DatagramService hands the answers of one batch over at once, of either kind", async () => {
  const { service, sockets: { primary } } = serve(new StunResponder(), { group: undefined });
  const asking = [request(), request([raw(0x7000)]), new Uint8Array(0), request()];
  await primary.give(asking.map((bytes) => ({ bytes, peer: IPV4_SOURCE })));
  assertEquals(primary.sent.map(({ bytes }) => bytes), [32, 36, 32]);
  assertEquals(primary.calls, 1);
  await service.close();
});

Deno.test("DatagramService answers in full when another responder has more to say", async () => {
  const { service, sockets: { primary } } = serve(new StunResponder(), { group: undefined });
  for (const software of ["", "é".repeat(127), "short"]) {
    service.responder = new StunResponder(software === "" ? {} : { software });
    await primary.give([{ bytes: request(), peer: IPV4_SOURCE }]);
  }
  assertEquals(primary.sent.map(({ bytes }) => bytes), [32, 32 + 4 + 256, 32 + 4 + 8]);
  await service.close();
});

Deno.test("DatagramService sends from the socket that the client asked for", async () => {
  for (const role of ENDPOINT_ROLES) {
    const { service, sockets } = serve();
    const changes = [[false, false], [false, true], [true, false], [true, true]] as const;
    for (const [changeAddress, changePort] of changes) {
      const bytes = request([attribute(CHANGE_REQUEST, { changeAddress, changePort })]);
      await sockets[role].give([{ bytes, peer: IPV4_SOURCE }]);
    }
    const answer = { bytes: 56, to: formatSocketAddress(IPV4_SOURCE) };
    assertEquals(
      ENDPOINT_ROLES.map((one) => sockets[one].sent),
      ENDPOINT_ROLES.map(() => [answer]),
    );
    await service.close();
  }
});

Deno.test("DatagramService goes on when the responder throws", async () => {
  const { service, sockets, logger } = serve(new SometimesBroken());
  const ask = (peer: string) => ({ bytes: request(), peer: address(peer) });
  await sockets.primary.give([ask("192.0.2.1:666"), ask("192.0.2.2:1000")]);
  await sockets.primary.give([ask("192.0.2.1:666")]);
  await sockets.primary.give([ask("192.0.2.3:1000")]);
  assertEquals(sockets.primary.sent.map(({ to }) => to), ["192.0.2.2:1000", "192.0.2.3:1000"]);
  assertEquals(
    logger.lines,
    [1, 2].map(() => ["error", "cannot answer a datagram", { error: "a mistake of ours" }]),
  );
  await service.close();
});

Deno.test("DatagramService goes on when an answer cannot be sent", async () => {
  const { service, sockets, logger } = serve();
  sockets.primary.fails = true;
  await sockets.primary.give([{ bytes: request(), peer: IPV4_SOURCE }]);
  sockets.primary.fails = false;
  await sockets.primary.give([{ bytes: request(), peer: IPV4_SOURCE }]);
  assertEquals(sockets.primary.sent.length, 1);
  assertEquals(logger.lines, [["error", "cannot send an answer", { error: "no way" }]]);
  await service.close();
});

Deno.test("DatagramService answers no datagram that a responder is silent about", async () => {
  const { service, sockets, logger } = serve();
  await sockets.primary.give([
    { bytes: new Uint8Array(0), peer: IPV4_SOURCE },
    { bytes: new Uint8Array(2000).fill(0x80), peer: IPV4_SOURCE },
    { bytes: request([raw(0x8022, "00")]), peer: IPV4_GROUP.primary },
  ]);
  assertEquals(sockets.primary.sent, []);
  assertEquals(logger.lines, []);
  await service.close();
});

Deno.test("DatagramService.close() closes every socket, and may be called again", async () => {
  const { service, sockets } = serve();
  await Promise.all([service.close(), service.close()]);
  await service.close();
  assertEquals(ENDPOINT_ROLES.map((role) => sockets[role].closed), [true, true, true, true]);
});

function serve(
  responder: StunResponder = new StunResponder({ ownAddresses: Object.values(IPV4_GROUP) }),
  { group }: { readonly group: typeof IPV4_GROUP | undefined } = { group: IPV4_GROUP },
): {
  readonly service: DatagramService;
  readonly sockets: Readonly<Record<EndpointRole, FakeDatagrams>>;
  readonly logger: MemoryLogger;
} {
  const sockets = {
    "primary": new FakeDatagrams(),
    "alternate-port": new FakeDatagrams(),
    "alternate-address": new FakeDatagrams(),
    "alternate-both": new FakeDatagrams(),
  };
  const logger = memoryLogger();
  const service = new DatagramService({
    group: ENDPOINT_ROLES.map((role) => ({
      transport: "udp",
      role,
      socket: sockets[role],
      address: IPV4_GROUP[role],
      ...group === undefined ? {} : { group },
    })),
    responder,
    clock: new VirtualClock(),
    logger,
  });
  service.start();
  return { service, sockets, logger };
}

/** Throws for one sender. */
class SometimesBroken extends StunResponder {
  override handle(arrival: Arrival): Reply | undefined {
    if (arrival.source.port === 666) throw new TypeError("a mistake of ours");
    return super.handle(arrival);
  }
}
