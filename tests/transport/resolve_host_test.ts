import { assert, assertEquals, assertRejects } from "@std/assert";
import { ResolveError, resolveHost } from "../../lib/transport/mod.ts";
import { formatIp } from "../../lib/wire/mod.ts";

for (
  const [host, found] of [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
  ] as const
) {
  Deno.test({
    name: `resolveHost() takes ${host} for itself, without any permission`,
    permissions: "none",
    fn: async () => {
      assertEquals((await resolveHost(host)).map(formatIp), [found]);
    },
  });
}

Deno.test("resolveHost() gives an IP address when it is of the wanted family", async () => {
  assertEquals((await resolveHost("192.0.2.1", { family: 4 })).map(formatIp), ["192.0.2.1"]);
  assertEquals((await resolveHost("2001:db8::1", { family: 6 })).map(formatIp), ["2001:db8::1"]);
});

for (const [host, family] of [["192.0.2.1", 6], ["2001:db8::1", 4]] as const) {
  Deno.test(`resolveHost() rejects ${host} when family ${family} is wanted`, async () => {
    assertEquals(await failure(host, { family }), {
      code: "not-found",
      host,
      message: `Cannot resolve "${host}": it has no IPv${family} address`,
    });
  });
}

Deno.test("resolveHost() asks the system, /etc/hosts included, when it is given a name", async () => {
  const ips = (await resolveHost("localhost")).map(formatIp);
  assert(ips.length > 0 && ips.every((ip) => ip === "127.0.0.1" || ip === "::1"), ips.join());
  assertEquals(new Set(ips).size, ips.length);
});

Deno.test("resolveHost() keeps to the wanted family when it is given a name", async () => {
  assertEquals((await resolveHost("localhost", { family: 4 })).map(formatIp), ["127.0.0.1"]);
});

const NO_NAMES = [
  "",
  "127.1",
  "0x7f.1",
  "0x7f000001",
  "2130706433",
  "192.0.2.1.",
  "host.7",
  "a b.example",
  "a\0.example",
  "a..example",
  ".example",
  "[::1]",
  "::1%lo",
  "host:3478",
  "a/b",
  `${"a".repeat(64)}.example`,
  `${"a.".repeat(127)}ab`,
];

for (const host of NO_NAMES) {
  Deno.test(`resolveHost() looks nothing up when it is given ${JSON.stringify(host)}`, async () => {
    assertEquals(await failure(host), {
      code: "not-found",
      host,
      message: `Cannot resolve ${JSON.stringify(host)}: not a host name`,
    });
  });
}

Deno.test("resolveHost() rejects when it was given up in advance", async () => {
  const host = "localhost";
  const expired = AbortSignal.abort(new DOMException("late", "TimeoutError"));
  assertEquals(await failure(host, { signal: expired }), {
    code: "timed-out",
    host,
    message: 'Cannot resolve "localhost": no answer in time',
  });
  assertEquals(await failure(host, { signal: AbortSignal.abort() }), {
    code: "other",
    host,
    message: 'Cannot resolve "localhost": given up',
  });
});

Deno.test({
  name: "resolveHost() rejects when the lookup is given up",
  // The system's lookup cannot be called off; it ends by itself.
  sanitizeOps: false,
  fn: async () => {
    const controller = new AbortController();
    const failing = failure("localhost", { signal: controller.signal });
    // The first turn goes to loading the resolver.
    await import("node:dns");
    controller.abort();
    assertEquals((await failing).code, "other");
  },
});

Deno.test({
  name: "resolveHost() names the permission when it lacks it",
  permissions: { net: false },
  fn: async () => {
    assertEquals(await failure("localhost"), {
      code: "other",
      host: "localhost",
      message:
        'Cannot resolve "localhost": Deno was run without network permission, pass --allow-net',
    });
  },
});

async function failure(
  host: string,
  options: Parameters<typeof resolveHost>[1] = {},
): Promise<{ code: string; host: string; message: string }> {
  const error = await assertRejects(() => resolveHost(host, options), ResolveError);
  return { code: error.code, host: error.host, message: error.message };
}
