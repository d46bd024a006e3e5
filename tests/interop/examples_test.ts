// The examples of docs/examples/ that run under Deno, as their first lines say to run them, with a
// server on loopback in place of stun.example.org. Those for browsers are in tests/browser/.

import { assertEquals } from "@std/assert";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { type Child, deno } from "../support/process.ts";

Deno.test("docs/examples/public_http.ts serves a page at its public address", async () => {
  // Two addresses, so that a stranger tries the way in
  await using server = await PinholeServer.start({
    args: ["--alternate-hostname", "127.0.0.2", "--alternate-port", "0"],
  });
  await using child = example("public_http.ts", [`stun:${server.target("tcp").address}`]);
  const [url] = await child.line(/^http:\/\/127\.0\.0\.1:\d+\/$/, PATIENCE);
  await child.line(/^The world can open it$/, PATIENCE);
  const response = await fetch(url!);
  assertEquals(await response.text(), "Hello from behind a NAT\n");
  const { code, stderr } = await child.stop("SIGINT");
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

Deno.test("docs/examples/chat.ts carries lines both ways between two who share a room", async () => {
  await using server = await PinholeServer.start({ args: ["--http-port", "0"] });
  const board = server.listeners.find(({ transport }) => transport === "http")!;
  const start = () => example("chat.ts", [`ws://${board.address}/board/chat`]);
  await using ada = start();
  await using bob = start();
  for (const person of [ada, bob]) {
    await person.line(/^Connected to 127\.0\.0\.1:\d+$/, PATIENCE);
  }
  await ada.write("Can you read this?\n");
  await bob.line(/^> Can you read this\?$/, PATIENCE);
  await bob.write("Word for word.\n");
  await ada.line(/^> Word for word\.$/, PATIENCE);
  await ada.endInput();
  const { code, stderr } = await ada.result(10_000);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

function example(name: string, args: readonly string[]): Child {
  return deno([
    ...["run", "--no-prompt", "--allow-net", "--unstable-net"],
    ...[`${ROOT}docs/examples/${name}`, ...args],
  ], { stdin: "piped" });
}

/** Starting a program that was never run takes seconds on a machine that is busy. */
const PATIENCE = { timeoutMs: 60_000 };
