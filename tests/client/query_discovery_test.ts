// Server discovery (RFC 8489 section 8). The names are looked up in what the test says; a lookup that
// should not be made would be seen in `asked`.

import { assertEquals, assertRejects } from "@std/assert";
import { query, QueryError, type QueryOptions, type QueryResult } from "../../lib/client/mod.ts";
import type { ServiceRecord } from "../../lib/protocol/client/mod.ts";
import { resolveService } from "../../lib/transport/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { AUTHORITY, SERVER } from "../support/certificate.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";
import { NameServer } from "../support/name_server.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { ScriptedResolver, type Zone } from "./scripted_resolver.ts";

const DOMAIN = "example.org";

for (const transport of ["udp", "tcp"] as const) {
  leakTest(`query() asks over ${transport} where the SRV record says`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    const { port } = server.start()[0]!.address;
    const name = `_stun._${transport}.${DOMAIN}`;
    const { result, asked } = await ask({ transport }, {
      services: { [name]: [srv(port, "a.example.net")] },
      hosts: { "a.example.net": ["127.0.0.1"] },
    });
    assertEquals(result.server.port, port);
    assertEquals(asked, [name, "a.example.net"]);
  });
}

leakTest(
  "query() checks over TLS that the certificate is for the domain, not for the SRV target",
  async () => {
    const options = { transport: "tls", caCerts: [AUTHORITY] } as const;
    await using server = new StunServer({
      hostnames: ["127.0.0.1"],
      port: 0,
      tls: { port: 0, ...SERVER },
    });
    const { port } = server.start().find(({ transport }) => transport === "tls")!.address;
    // The certificate is for localhost: right for a target of that name, wrong for the domain
    const error = await assertRejects(
      () =>
        ask(options, {
          services: { [`_stuns._tcp.${DOMAIN}`]: [srv(port, "localhost")] },
          hosts: { localhost: ["127.0.0.1"] },
        }, `stuns:${DOMAIN}`),
      QueryError,
    );
    assertEquals(error.code, "untrusted");
  },
);

leakTest("query() asks the next server when the first of the SRV records refuses", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { port } = server.start()[0]!.address;
  const { result, asked } = await ask({ transport: "tcp" }, {
    services: {
      [`_stun._tcp.${DOMAIN}`]: [
        { ...srv(port, "b"), priority: 2 },
        { ...srv(freePort(), "a"), priority: 1 },
        { ...srv(1, "gone"), priority: 0 },
      ],
    },
    hosts: { a: ["127.0.0.1"], b: ["127.0.0.1"] },
  });
  assertEquals(result.server.port, port);
  assertEquals(asked, [`_stun._tcp.${DOMAIN}`, "gone", "a", "b"]);
});

leakTest("query() draws lots among the SRV records of one priority", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { port } = server.start()[0]!.address;
  for (const [byte, first] of [[0x00, "a"], [0x7f, "a"], [0xff, "b"]] as const) {
    const { asked } = await ask({ randomness: { bytes: (n) => new Uint8Array(n).fill(byte) } }, {
      services: { [`_stun._udp.${DOMAIN}`]: [srv(port, "a", 99), srv(port, "b", 1)] },
      hosts: { a: ["127.0.0.1"], b: ["127.0.0.1"] },
    });
    assertEquals(asked[1], first, `${byte}`);
  }
});

leakTest(
  "query() falls back to the host and the default port when there is no SRV record",
  async () => {
    for (
      const [scheme, transport, name, port] of [
        ["stun", "tcp", `_stun._tcp.${DOMAIN}`, 3478],
        ["stuns", "tls", `_stuns._tcp.${DOMAIN}`, 5349],
        ["stun", "tls", `_stuns._tcp.${DOMAIN}`, 5349],
      ] as const
    ) {
      const { error, asked } = await fail({ transport }, { hosts: { [DOMAIN]: ["127.0.0.9"] } }, {
        uri: `${scheme}:${DOMAIN}`,
      });
      assertEquals(asked, [name, DOMAIN]);
      assertEquals([error.code, error.failures.map(({ uri, server }) => [uri, server?.port])], [
        "refused",
        [[`${scheme}:${DOMAIN}`, port]],
      ]);
    }
  },
);

leakTest("query() waits a second for SRV records, not more", async () => {
  const clock = new VirtualClock();
  const resolver = new ScriptedResolver({
    services: { [`_stun._tcp.${DOMAIN}`]: "silent" },
    hosts: { [DOMAIN]: ["127.0.0.9"] },
  });
  const failed = assertRejects(
    () => query(`stun:${DOMAIN}`, { transport: "tcp", resolver, clock }),
    QueryError,
  );
  await clock.untilTimer(1000);
  clock.advance(1000);
  assertEquals([(await failed).code, resolver.asked], ["refused", [
    `_stun._tcp.${DOMAIN}`,
    DOMAIN,
  ]]);
  assertEquals(clock.timers, []);
});

leakTest(
  "query() looks for no SRV record when it is given a port, an address or no domain",
  async () => {
    for (
      const [uri, asked] of [
        [`stun:${DOMAIN}:${freePort()}`, [DOMAIN]],
        ["stun:127.0.0.9", []],
        ["stun:localhost", ["localhost"]],
        ["stun:localhost.", ["localhost."]],
      ] as const
    ) {
      const hosts = {
        [DOMAIN]: ["127.0.0.1"],
        localhost: ["127.0.0.9"],
        "localhost.": ["127.0.0.9"],
      };
      const failure = await fail({ transport: "tcp" }, { hosts }, { uri });
      assertEquals([failure.error.code, failure.asked], ["refused", [...asked]], uri);
    }
  },
);

leakTest("query() rejects when the domain says that it has no such service", async () => {
  const { error, asked } = await fail({}, {
    services: { [`_stun._udp.${DOMAIN}`]: [{ ...srv(0, ""), weight: 0 }] },
    hosts: { [DOMAIN]: ["127.0.0.1"] },
  });
  assertEquals([error.code, error.message, asked], [
    "not-found",
    `Cannot resolve "${DOMAIN}": its SRV records say that it has no STUN server over UDP`,
    [`_stun._udp.${DOMAIN}`],
  ]);
});

leakTest("query() asks eight SRV targets at the most", async () => {
  const records = Array.from({ length: 20 }, (_, i) => ({ ...srv(1, `h${i}`), priority: i }));
  const { error, asked } = await fail({}, { services: { [`_stun._udp.${DOMAIN}`]: records } });
  assertEquals([error.code, error.failures.length, asked.length], ["not-found", 8, 9]);
});

leakTest("query() finds a server through a real name server", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const { port } = server.start()[0]!.address;
  const name = `_stun._udp.${DOMAIN}`;
  await using names = new NameServer({ services: { [name]: [srv(port, "a.example.net")] } });
  const { resolveHost } = new ScriptedResolver({ hosts: { "a.example.net": ["127.0.0.1"] } });
  const result = await query(`stun:${DOMAIN}`, {
    resolver: {
      resolveHost,
      resolveService: (name, options) =>
        resolveService(name, { ...options, nameServer: names.address }),
    },
  });
  assertEquals([result.server.port, names.asked], [port, [name]]);
});

leakTest("query() goes on in real time when the name server is silent", async () => {
  await using names = new NameServer({ rcode: "silent" });
  const { resolveHost } = new ScriptedResolver({ hosts: { [DOMAIN]: ["127.0.0.9"] } });
  const begun = performance.now();
  const error = await assertRejects(
    () =>
      query(`stun:${DOMAIN}`, {
        transport: "tcp",
        resolver: {
          resolveHost,
          resolveService: (name, options) =>
            resolveService(name, { ...options, nameServer: names.address }),
        },
      }),
    QueryError,
  );
  const elapsed = performance.now() - begun;
  assertEquals([error.code, elapsed >= 990, elapsed < 4000], ["refused", true, true]);
});

function srv(port: number, target: string, weight = 1): ServiceRecord {
  return { priority: 0, weight, port, target };
}

/** Queries with a resolver that knows this zone. */
async function ask(
  options: QueryOptions,
  zone: Zone,
  uri = `stun:${DOMAIN}`,
): Promise<{ readonly result: QueryResult; readonly asked: readonly string[] }> {
  const resolver = new ScriptedResolver(zone);
  const result = await query(uri, { resolver, timeoutMs: 5000, ...options });
  return { result, asked: resolver.asked };
}

/** As {@linkcode ask}, for a query without a result. */
async function fail(
  options: QueryOptions,
  zone: Zone,
  { uri = `stun:${DOMAIN}` }: { readonly uri?: string } = {},
): Promise<{ readonly error: QueryError; readonly asked: readonly string[] }> {
  const resolver = new ScriptedResolver(zone);
  const error = await assertRejects(
    () => query(uri, { resolver, timeoutMs: 5000, ...options }),
    QueryError,
  );
  return { error, asked: resolver.asked };
}
