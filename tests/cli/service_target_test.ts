import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionError, listenTcp } from "../../lib/transport/mod.ts";
import {
  connectToService,
  formatServiceTarget,
  parseServiceTarget,
} from "../../lib/cli/service_target.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leak_test.ts";

const GOOD: readonly (readonly [text: string, host: string, port: number, again?: string])[] = [
  ["127.0.0.1:8080", "127.0.0.1", 8080],
  ["[::1]:80", "::1", 80],
  ["localhost:65535", "localhost", 65535],
  ["8080", "127.0.0.1", 8080, "127.0.0.1:8080"],
  ["nas.example.org:1", "nas.example.org", 1],
];
for (const [text, host, port, again = text] of GOOD) {
  Deno.test(`parseServiceTarget() reads ${text}`, () => {
    const parsed = parseServiceTarget(text);
    assertEquals(parsed, { ok: true, value: { host, port } });
    assertEquals(parsed.ok && formatServiceTarget(parsed.value), again);
  });
}

const BAD: readonly (readonly [text: string, wanted: string])[] = [
  ["", "wanted HOST:PORT or PORT"],
  ["localhost", "wanted HOST:PORT or PORT"],
  ["localhost:", "wanted HOST:PORT or PORT"],
  [":80", "wanted HOST:PORT or PORT"],
  ["::1:80", "wanted HOST:PORT or PORT"],
  ["http://localhost:80", "wanted HOST:PORT or PORT"],
  ["127.0.0.1:80/", "wanted HOST:PORT or PORT"],
  ["a b:80", "wanted HOST:PORT or PORT"],
  ["localhost:-1", "wanted HOST:PORT or PORT"],
  ["localhost:0", "wanted a port of 1 to 65535"],
  ["0", "wanted a port of 1 to 65535"],
  ["localhost:65536", "wanted a port of 1 to 65535"],
  ["[127.0.0.1]:80", "wanted an IPv6 address in brackets"],
  ["[]:80", "wanted an IPv6 address in brackets"],
  ["[fe80::1%eth0]:80", "wanted an IPv6 address in brackets"],
];
for (const [text, wanted] of BAD) {
  Deno.test(`parseServiceTarget() refuses ${JSON.stringify(text)}`, () => {
    const parsed = parseServiceTarget(text);
    assertEquals(parsed.ok || parsed.reason, `Cannot read ${JSON.stringify(text)}: ${wanted}`);
  });
}

leakTest("connectToService() tries every address of a name", async () => {
  // Of "localhost" the one family or the other comes first
  const listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  const { port } = listener.localAddress;
  const never = new AbortController();
  const [connection, accepted] = await Promise.all([
    connectToService({ host: "localhost", port }, never.signal),
    listener.accept(),
  ]);
  assertEquals(connection.remoteAddress, listener.localAddress);
  for (const one of [connection, accepted!, listener]) one.close();
});

leakTest("connectToService() rejects when nobody listens", async () => {
  const target = { host: "127.0.0.1", port: freePort("127.0.0.1") };
  const error = await assertRejects(
    () => connectToService(target, new AbortController().signal),
    ConnectionError,
  );
  assertEquals(error.code, "refused");
});
