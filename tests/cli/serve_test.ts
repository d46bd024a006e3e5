import { assertEquals, assertMatch } from "@std/assert";
import { askTcp, askUdp, bindingRequest, readMessage } from "../support/binding_request.ts";
import { freePort } from "../support/free_port.ts";
import { PinholeServer } from "../support/pinhole_server.ts";
import type { Child } from "../support/process.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";
import { Folder, result, serve, serveFrom } from "./serve_child.ts";

Deno.test("server.ts logs one JSON object a line: its sockets, ready, stopping, stopped", async () => {
  await using server = await PinholeServer.start();
  const { port } = server.target("udp");
  const { code, stdout, stderr } = await server.stop();
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const times = lines.map(({ time }) => time);
  const { reason } = lines[0];
  assertMatch(reason, WHY_NOT_BATCHED);
  assertEquals(lines.map(({ time: _, ...line }) => line), [
    {
      level: "info",
      message: "listening",
      transport: "udp",
      address: `127.0.0.1:${port}`,
      io: "deno",
      reason,
    },
    {
      level: "info",
      message: "listening",
      transport: "tcp",
      address: `127.0.0.1:${port}`,
      io: "deno",
    },
    { level: "info", message: "ready" },
    { level: "info", message: "stopping", signal: "SIGTERM" },
    { level: "info", message: "stopped" },
  ]);
  for (const time of times) assertEquals(new Date(time).toISOString(), time);
  assertEquals([...times].sort(), times);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("server.ts logs text: time, level, message, facts", async () => {
  await using child = serve("--hostname", "::1", "--port", "0");
  await child.line(/ ready$/);
  const { code, stdout, stderr } = await child.stop("SIGINT");
  const lines = stdout.trimEnd().split("\n");
  const reason = /reason="(.*)"/.exec(stdout)![1]!;
  assertMatch(reason, WHY_NOT_BATCHED);
  const port = /\[::1\]:([0-9]+)/.exec(stdout)![1];
  for (const line of lines) assertMatch(line, /^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} info {2}/);
  assertEquals(lines.map((line) => line.slice(26)), [
    `listening transport=udp address=[::1]:${port} io=deno reason="${reason}"`,
    `listening transport=tcp address=[::1]:${port} io=deno`,
    "ready",
    "stopping signal=SIGINT",
    "stopped",
  ]);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("server.ts tells the roles of its sockets when NAT discovery is on", async () => {
  await using server = await PinholeServer.start({
    args: ["--alternate-hostname", "127.0.0.2", "--alternate-port", "0", "--transport", "udp"],
  });
  const lines = server.child.stdout.trimEnd().split("\n").slice(0, -1).map((l) => JSON.parse(l));
  const [first, second] = [lines[0].address.split(":")[1], lines[1].address.split(":")[1]];
  assertEquals(lines.map(({ address, role }) => [address, role]), [
    [`127.0.0.1:${first}`, undefined],
    [`127.0.0.1:${second}`, "alternate-port"],
    [`127.0.0.2:${first}`, "alternate-address"],
    [`127.0.0.2:${second}`, "alternate-both"],
  ]);
});

Deno.test("server.ts listens on :: when it is not told where, and serves IPv4 and IPv6", async () => {
  const port = freePort("::");
  await using child = serve("--port", `${port}`);
  await child.line(/ ready$/);
  assertMatch(child.stdout, new RegExp(`transport=udp address=\\[::\\]:${port} io=deno`));
  for (const hostname of ["127.0.0.1", "::1"]) {
    await askUdp({ hostname, port });
    await askTcp({ hostname, port });
  }
});

Deno.test("server.ts serves only what --transport says", async () => {
  await using child = serve("--hostname", "127.0.0.1", "--port", "0", "--transport", "tcp");
  await child.line(/ ready$/);
  assertEquals(child.stdout.match(/transport=\w+/g), ["transport=tcp"]);
});

Deno.test("server.ts is silent when the log level leaves nothing to say", async () => {
  const port = freePort();
  const hostname = "127.0.0.1";
  await using child = serve("--hostname", hostname, "--port", `${port}`, "--log-level", "warn");
  await askUdp({ hostname, port });
  assertEquals(await child.stop(), { code: 0, stdout: "", stderr: "" });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`server.ts stops cleanly at ${signal} with connections open`, async () => {
    await using server = await PinholeServer.start();
    const { hostname, port } = server.target("tcp");
    using silent = await Deno.connect({ hostname, port });
    using held = await Deno.connect({ hostname, port });
    using halfway = await Deno.connect({ hostname, port });
    await held.write(bindingRequest());
    await readMessage(held);
    await halfway.write(bindingRequest());
    await readMessage(halfway);
    await halfway.write(bindingRequest().subarray(0, 10));
    const { code, stderr } = await server.child.stop(signal);
    assertEquals([code, stderr], [0, ""]);
    for (const connection of [silent, held, halfway]) {
      assertEquals(await connection.read(new Uint8Array(1)).catch(() => null), null);
    }
    assertEquals(lastMessages(server.child, 2), ["stopping", "stopped"]);
  });
}

Deno.test("server.ts takes its settings from a file, and a flag before them", async () => {
  await using folder = await Folder.make();
  const file = await folder.write(
    "my.json",
    JSON.stringify({
      $schema: "./config.schema.json",
      hostname: "127.0.0.1",
      port: 1,
      transport: ["udp"],
      software: "From the file",
      "log-format": "json",
    }),
  );
  await using child = serveFrom(file, "--port", "0");
  const [, port] = await child.line(/"address":"127\.0\.0\.1:([0-9]+)"/);
  await child.line(/"message":"ready"/);
  assertEquals(child.stdout.match(/"listening"/g), ['"listening"']);
  const { bytes } = await askUdp({ hostname: "127.0.0.1", port: Number(port) });
  assertMatch(new TextDecoder().decode(bytes), /From the file/);
  const { code, stderr } = await child.stop();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("server.ts prints no secret at any log level", async () => {
  await using server = await PinholeServer.start({
    args: [
      ...["--auth", "long-term", "--realm", "example.org", "--user", "alice:hunter2"],
      ...["--auth-secret", "hunter3", "--nonce-secret", "hunter4-hunter4-hunter4"],
      ...["--log-level", "trace"],
    ],
  });
  await askUdp(server.target("udp"));
  await askTcp(server.target("tcp"));
  const { code, stdout, stderr } = await server.stop();
  assertEquals([code, /hunter/.test(stdout + stderr)], [0, false]);
});

Deno.test("server.ts reads its file again at SIGHUP, and keeps what it has when that is broken", async () => {
  await using folder = await Folder.make();
  const file = await folder.write("my.json", '{"software": "Before"}');
  const fixed = ["--hostname", "127.0.0.1", "--port", "0", "--log-format", "json"];
  await using child = serveFrom(file, ...fixed);
  const [, port] = await child.line(/"udp","address":"127\.0\.0\.1:([0-9]+)"/);
  await child.line(/"message":"ready"/);
  using held = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  assertEquals(await softwareOn(held), "Before");

  await folder.write("my.json", '{"software": "After", "log-level": "debug"}');
  child.kill("SIGHUP");
  await child.line(/"message":"reloaded"/);
  await child.line(/"message":"some settings wait for a restart","settings":\["log-level"\]/);
  assertEquals(await softwareOn(held), "After");

  await folder.write("my.json", '{"software": 5}');
  child.kill("SIGHUP");
  const [line] = await child.line(/.*"message":"reload refused.*/);
  assertEquals(JSON.parse(line).problems, [
    `Cannot read software in ${file}: got 5, wanted text`,
  ]);
  assertEquals(await softwareOn(held), "After");
  const { code, stderr } = await child.stop();
  assertEquals([code, stderr], [0, ""]);
});

for (const wanted of ["auto", "batched"] as const) {
  Deno.test({
    ...unless(
      whyNoLibc(),
      `server.ts does UDP in batches when --udp is ${wanted} and the C library may be called`,
    ),
    fn: async () => {
      await using server = await PinholeServer.start({
        args: ["--udp", wanted],
        permissions: ["--allow-ffi"],
      });
      const lines = server.child.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      assertEquals(lines.map(({ message, transport, io }) => [message, transport, io]), [
        ["listening", "udp", "batched"],
        ["listening", "tcp", "epoll"],
        ["ready", undefined, undefined],
      ]);
      const { bytes } = await askUdp(server.target("udp"));
      assertEquals([bytes.length, bytes[0], bytes[1]], [32, 0x01, 0x01]);
      const { code, stderr } = await server.stop();
      assertEquals([code, stderr], [0, ""]);
    },
  });
}

Deno.test("server.ts fails in one line when --udp is batched and that cannot be had", async () => {
  const { code, stdout, stderr } = await result(
    serve("--hostname", "127.0.0.1", "--port", "0", "--udp", "batched"),
  );
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^error: Cannot call the C library: [^\n]+\n$/);
});

Deno.test("server.ts does UDP through Deno when --udp says so, whatever else is allowed", async () => {
  await using server = await PinholeServer.start({
    args: ["--udp", "deno"],
    permissions: ["--allow-ffi"],
  });
  assertMatch(server.child.stdout, /"transport":"udp","address":"[^"]+","io":"deno"/);
  assertMatch(server.child.stdout, /"io":"deno","reason":"as configured"/);
});

for (const [wanted, io] of [["deno", "deno"], ["epoll", "epoll"]] as const) {
  Deno.test({
    ...unless(
      whyNoLibc(),
      `server.ts does TCP through ${io} when --tcp is ${wanted} and either could be had`,
    ),
    fn: async () => {
      await using server = await PinholeServer.start({
        args: ["--udp", "deno", "--tcp", wanted],
        permissions: ["--allow-ffi"],
      });
      const found = /"transport":"tcp","address":"[^"]+","io":"(\w+)"/.exec(server.child.stdout);
      assertEquals(found?.[1], io);
      const { bytes } = await askTcp(server.target("tcp"));
      assertEquals([bytes.length, bytes[0], bytes[1]], [32, 0x01, 0x01]);
      const { code, stderr } = await server.stop();
      assertEquals([code, stderr], [0, ""]);
    },
  });
}

Deno.test("server.ts fails in one line when --tcp is epoll and that cannot be had", async () => {
  const { code, stdout, stderr } = await result(
    serve("--hostname", "127.0.0.1", "--port", "0", "--tcp", "epoll"),
  );
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^error: Cannot call the C library: [^\n]+\n$/);
});

const WHY_NOT_BATCHED = /^(for the faster way pass --allow-ffi=|found \w+ on )/;

function lastMessages(child: Child, count: number): string[] {
  const lines = child.stdout.trimEnd().split("\n").slice(-count);
  return lines.map((line) => JSON.parse(line).message);
}

/** The text of SOFTWARE, which is the last attribute here. */
async function softwareOn(connection: Deno.Conn): Promise<string> {
  await connection.write(bindingRequest());
  const answer = await readMessage(connection);
  return new TextDecoder().decode(answer.subarray(20 + 12 + 4)).replace(/\0+$/, "");
}
