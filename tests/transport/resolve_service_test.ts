import { assertEquals, assertRejects } from "@std/assert";
import { ResolveError, resolveService } from "../../lib/transport/mod.ts";
import { leakTest } from "../support/leak_test.ts";
import { NameServer } from "../support/name_server.ts";

const NAME = "_stun._udp.example.org";

leakTest("resolveService() gives the records as the name server has them", async () => {
  const services = {
    [NAME]: [
      { priority: 10, weight: 5, port: 3478, target: "a.example.org" },
      { priority: 0, weight: 65535, port: 1, target: "b.example.net" },
    ],
  };
  await using server = new NameServer({ services });
  const records = await resolveService(NAME, { nameServer: server.address });
  assertEquals(records.toSorted((a, b) => b.priority - a.priority), services[NAME]!);
  assertEquals(server.asked, [NAME], "without a search domain");
});

leakTest("resolveService() gives an empty target when there is no such service", async () => {
  const none = { priority: 0, weight: 0, port: 0, target: "" };
  await using server = new NameServer({ services: { [NAME]: [none] } });
  assertEquals(await resolveService(`${NAME}.`, { nameServer: server.address }), [none]);
});

const RCODES = [[0, "NOERROR"], [2, "SERVFAIL"], [3, "NXDOMAIN"], [5, "REFUSED"]] as const;
for (const [rcode, name] of RCODES) {
  leakTest(`resolveService() gives nothing when the name server says ${name}`, async () => {
    await using server = new NameServer({ rcode });
    assertEquals(await resolveService(NAME, { nameServer: server.address }), []);
  });
}

for (
  const [reason, code, message] of [
    [new DOMException("", "TimeoutError"), "timed-out", "no answer in time"],
    [new Error("enough"), "other", "given up"],
  ] as const
) {
  leakTest(`resolveService() rejects when it is stopped: ${message}`, async () => {
    await using server = new NameServer({ rcode: "silent" });
    const stop = new AbortController();
    const { signal } = stop;
    const failed = assertRejects(
      () => resolveService(NAME, { nameServer: server.address, signal }),
      ResolveError,
      `Cannot resolve "${NAME}": ${message}`,
    );
    await server.question;
    stop.abort(reason);
    const error = await failed;
    assertEquals([error.code, error.host], [code, NAME]);
  });
}

leakTest("resolveService() rejects when it is stopped before it begins", async () => {
  const error = await assertRejects(
    () => resolveService(NAME, { signal: AbortSignal.abort() }),
    ResolveError,
  );
  assertEquals(error.code, "other");
});

Deno.test({
  name: "resolveService() rejects in one line without a permission",
  permissions: "none",
  fn: async () => {
    const nameServer = { ip: Uint8Array.of(127, 0, 0, 1), port: 53 };
    const error = await assertRejects(() => resolveService(NAME, { nameServer }), ResolveError);
    assertEquals([error.code, error.message], [
      "other",
      `Cannot resolve "${NAME}": Deno was run without network permission, pass --allow-net`,
    ]);
  },
});
