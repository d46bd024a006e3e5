import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { discoverNat, type DiscoverNatOptions } from "../../../lib/client/discovery/mod.ts";
import { QueryError } from "../../../lib/client/mod.ts";
import type { NatReport } from "../../../lib/protocol/discovery/mod.ts";
import { StunServer, type StunServerOptions } from "../../../lib/server/mod.ts";
import { decodeMessage, formatSocketAddress } from "../../../lib/wire/mod.ts";
import { freePort } from "../../support/free_port.ts";
import { leakTest } from "../../support/leak_test.ts";
import { answerWith } from "../scripted_server.ts";

const PLAIN: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };
const PAIR: StunServerOptions = { ...PLAIN, alternateHostnames: ["127.0.0.2"] };

leakTest("discoverNat() finds neither NAT nor filter on loopback, over UDP and TCP", async () => {
  await using server = new StunServer(PAIR);
  const report = await discoverNat([start(server)]);
  assertEquals(verdicts(report), {
    family: 4,
    udp: ["none", "endpoint-independent", "open"],
    tcp: ["none", "endpoint-independent", "open"],
  });
  const { udp, tcp } = report;
  assertEquals([udp!.reflexive, tcp!.reflexive], [udp!.local, tcp!.local]);
  assertEquals([report.lifetime, report.fragments], [undefined, undefined]);
  assertEquals(udp!.portPreservation.value, "yes");
});

leakTest("discoverNat() asks an IPv6 server over IPv6", async () => {
  await using server = new StunServer({ hostnames: ["::1"], port: 0 });
  const { port } = server.start()[0]!.address;
  const report = await discoverNat([`stun:[::1]:${port}`]);
  const { family, udp, tcp } = verdicts(report);
  // Loopback has no second IPv6 address for RFC 5780
  assertEquals([family, udp![0], tcp![0]], [6, "none", "none"]);
  assertEquals(formatSocketAddress(report.udp!.local!).startsWith("[::1]:"), true);
});

leakTest("discoverNat() takes a parsed URI, and the family that it is told", async () => {
  await using server = new StunServer({ hostnames: ["::1"], port: 0 });
  const { port } = server.start()[0]!.address;
  const { family } = await discoverNat(
    [{ scheme: "stun", host: "127.0.0.1", port }, { scheme: "stun", host: "::1", port }],
    { family: 6, transports: ["udp"] },
  );
  assertEquals(family, 6);
});

for (const transport of ["udp", "tcp"] as const) {
  leakTest(
    `discoverNat() leaves out what is not ${transport}, if that is all it is to test`,
    async () => {
      await using server = new StunServer(PAIR);
      const report = await discoverNat([start(server)], { transports: [transport] });
      const open = ["none", "endpoint-independent", "open"];
      assertEquals(verdicts(report), {
        family: 4,
        udp: transport === "udp" ? open : undefined,
        tcp: transport === "tcp" ? open : undefined,
      });
    },
  );
}

leakTest("discoverNat() tells what it is at, in order", async () => {
  await using server = new StunServer(PAIR);
  const titles: string[] = [];
  const uri = start(server);
  await discoverNat([uri], { fragments: true, onProgress: (title) => titles.push(title) });
  const distinct = titles.filter((title, i) => title !== titles[i - 1]);
  const tcp = distinct.indexOf(`Connecting to ${uri.slice("stun:".length)}`);
  assertEquals(distinct.slice(0, tcp), [
    "Reaching the servers",
    "Opening ports for the filtering test",
    "Filtering",
    "Mapping",
    "Fragments",
  ]);
  assertEquals(distinct.indexOf("Dial-back from another address") > tcp, true);
});

leakTest(
  "discoverNat() tells the filtering before anything goes to the other address",
  async () => {
    await using server = new StunServer(PAIR);
    const { udp } = await discoverNat([start(server)], { transports: ["udp"] });
    const asked = udp!.evidence.map(({ socket, to, asks }) => ({
      socket: socket.split(" ")[0],
      to: formatSocketAddress(to).split(":")[0],
      asks,
    }));
    const filtering = asked.filter(({ socket }) => socket === "filter");
    assertEquals(filtering.map(({ to }) => to), Array(4).fill("127.0.0.1"));
    const last = asked.findLastIndex(({ socket }) => socket === "filter");
    const first = asked.findIndex(({ to }) => to === "127.0.0.2");
    assertEquals([first > last, asked[first]!.socket], [true, "mapping"]);
  },
);

leakTest("discoverNat() tells no filtering with two plain servers, and why", async () => {
  await using one = new StunServer(PLAIN);
  await using two = new StunServer({ ...PLAIN, hostnames: ["127.0.0.2"] });
  const report = await discoverNat([start(one), start(two)], { transports: ["udp"] });
  assertEquals(verdicts(report).udp, ["none", "unknown", "unknown"]);
  const reason = "this cannot be told: this server has no RFC 5780";
  assertEquals(report.udp!.filtering.reason, reason);
  assertEquals(
    report.udp!.servers.map((
      { answered, other, filtering },
    ) => [answered, other, filtering.reason]),
    [[true, undefined, reason], [true, undefined, reason]],
  );
});

leakTest("discoverNat() says that servers disagree, instead of believing one", async () => {
  await using one = new ConstantServer("127.0.0.1", "192.0.2.1:1000");
  await using two = new ConstantServer("127.0.0.2", "198.51.100.1:1000");
  const report = await discoverNat([one.uri, two.uri], { transports: ["udp"] });
  assertEquals(verdicts(report).udp, ["unknown", "unknown", "unknown"]);
  assertEquals(
    report.udp!.mapping.reason,
    "the servers disagree about the outside IP address of this host",
  );
  const seen = report.udp!.evidence.filter(({ socket }) => socket === "mapping");
  assertEquals(seen.map(({ reflexive }) => formatSocketAddress(reflexive!)), [
    "192.0.2.1:1000",
    "198.51.100.1:1000",
  ]);
});

leakTest("discoverNat() asks a server once that is named twice", async () => {
  await using server = new StunServer(PLAIN);
  const uri = start(server);
  const { udp } = await discoverNat([uri, uri], { transports: ["udp"] });
  assertEquals(udp!.servers.length, 1);
});

leakTest("discoverNat() says which server it cannot ask beside the others", async () => {
  await using server = new StunServer(PAIR);
  const skipped: (readonly string[])[] = [];
  const { udp } = await discoverNat([start(server), "stun:[::1]:3479", "stun:no..name"], {
    transports: ["udp"],
    onSkipped: (...one) => skipped.push(one),
  });
  assertEquals([udp!.servers.length, skipped.length], [1, 2]);
  assertEquals(skipped[0], ["stun:[::1]:3479", "it has no IPv4 address, which the others have"]);
  assertEquals(skipped[1]![0], "stun:no..name");
  assertMatch(skipped[1]![1]!, /^Cannot resolve/);
});

leakTest(
  "discoverNat() rejects with the code of the failure where no server has an address",
  async () => {
    const error = await assertRejects(
      () => discoverNat(["stun:[::1]"], { family: 4 }),
      QueryError,
    );
    assertEquals(error.code, "not-found");
    assertMatch(error.message, /^Cannot resolve [^\n]*it has no IPv4 address$/);
  },
);

leakTest("discoverNat() reports what is blocked, and rejects nothing", async () => {
  const port = freePort("127.0.0.1");
  const report = await discoverNat([`stun:127.0.0.1:${port}`], { transports: ["tcp"] });
  assertEquals(report.tcp!.reachable, false);
  assertEquals(verdicts(report).tcp, ["unknown", "unknown", "blocked"]);
});

for (const when of ["before", "during UDP", "during TCP"] as const) {
  leakTest(`discoverNat() rejects with "aborted" when it is given up ${when}`, async () => {
    await using server = new StunServer(PAIR);
    const abort = new AbortController();
    if (when === "before") abort.abort();
    const options: DiscoverNatOptions = {
      signal: abort.signal,
      onProgress: (title) => {
        const reached = when === "during UDP" ? "Filtering" : "Dial-back from another address";
        if (title === reached) abort.abort();
      },
    };
    const error = await assertRejects(() => discoverNat([start(server)], options), QueryError);
    assertEquals(error.code, "aborted");
  });
}

for (
  const { servers, problem } of [
    { servers: [], problem: "Cannot discover a NAT: no server is given" },
    {
      servers: ["stuns:127.0.0.1"],
      problem: "Cannot discover a NAT through a stuns: URI: wanted stun:",
    },
    {
      servers: ["stun:127.0.0.1", "127.0.0.1"],
      problem: 'Cannot read "127.0.0.1": wanted it to start with stun: or stuns:',
    },
  ]
) {
  leakTest(`discoverNat() rejects ${JSON.stringify(servers)} as a mistake`, async () => {
    await assertRejects(() => discoverNat(servers), RangeError, problem);
  });
}

/** Mapping, filtering and RFC 3489 name of each transport. */
function verdicts({ family, udp, tcp }: NatReport) {
  const of = (part: NatReport["udp"] | NatReport["tcp"]) =>
    part && [part.mapping.value, part.filtering.value, part.classic];
  return { family, udp: of(udp), tcp: of(tcp) };
}

/** Starts a server; its URI. */
function start(server: StunServer): string {
  return `stun:${formatSocketAddress(server.start()[0]!.address)}`;
}

/** Tells everybody the same. */
class ConstantServer implements AsyncDisposable {
  readonly #socket: Deno.DatagramConn;
  readonly #ended: Promise<void>;

  constructor(hostname: string, reflexive: string) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#ended = this.#serve(reflexive);
  }

  get uri(): string {
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    return `stun:${hostname}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#ended;
  }

  async #serve(reflexive: string): Promise<void> {
    for await (const [bytes, from] of this.#socket) {
      const request = decodeMessage(bytes);
      if (request.ok) await this.#socket.send(answerWith(reflexive, request.value), from);
    }
  }
}
