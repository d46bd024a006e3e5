import { assertEquals, assertMatch } from "@std/assert";
import { EXPOSE } from "../../lib/cli/expose_command.ts";
import { connectTcp, openDenoDatagram, type StreamConnection } from "../../lib/transport/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import { address } from "../protocol/binding_cases.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno, run, type RunResult } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";
import { Echo } from "./expose_drill.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];
const PAIR: StunServerOptions = {
  hostnames: ["127.0.0.1"],
  port: 0,
  alternateHostnames: ["127.0.0.2"],
};

Deno.test("pinhole expose makes a service reachable, tells people so, and ends at Ctrl-C with 0", async () => {
  await using server = new StunServer(PAIR);
  await using service = new Echo();
  const { port } = service.target;
  await using child = expose(`127.0.0.1:${port}`, "--server", start(server));
  const [, text] = await child.line(/^\S+Z public address (127\.0\.0\.1:\d+)$/);
  await child.line(
    /Z verified: a connection came in from 127\.0\.0\.2:\d+, never contacted before$/,
  );
  await child.line(/Z forwarding TCP from \S+ to 127\.0\.0\.1:\d+, with no NAT on the way$/);
  assertEquals(await echoed(address(text!), "hello"), "hello");
  const { code, stdout, stderr } = await child.stop("SIGINT");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /Z stopped: SIGINT\n$/);
});

Deno.test("pinhole expose --json prints an event a line, and ends at SIGTERM with 0", async () => {
  await using server = new StunServer(PAIR);
  await using service = new Echo();
  const flags = ["--server", start(server), "--json"];
  await using child = expose(`${service.target.port}`, ...flags);
  const { public: text } = await event(child, "verified");
  assertEquals(await echoed(address(text as string), "hello"), "hello");
  const closed = await event(child, "closed");
  assertEquals([closed.outcome, closed.receivedBytes, closed.sentBytes], ["finished", 5, 5]);
  const { code, stdout, stderr } = await child.stop("SIGTERM");
  assertEquals([code, stderr], [0, ""]);
  const events = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ event }) => event), [
    ...["server", "listening", "refresh", "traffic", "verified", "connection", "closed"],
    ...["traffic", "stopped"],
  ]);
  for (const { time } of events) assertMatch(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

Deno.test("pinhole expose closes who is still there 2 s after Ctrl-C", async () => {
  await using server = new StunServer(PAIR);
  await using service = new Echo();
  await using child = expose(`${service.target.port}`, "--server", start(server), "--json");
  const { public: text } = await event(child, "refresh");
  const visitor = await connectTcp(address(text as string));
  await visitor.write(new TextEncoder().encode("hello"));
  assertEquals(new TextDecoder().decode(await visitor.read()), "hello");
  child.kill("SIGINT");
  assertEquals(await visitor.read().catch(() => undefined), undefined);
  visitor.close();
  const { code } = await child.result(10_000);
  assertEquals([code, (await event(child, "closed")).outcome], [0, "aborted"]);
});

Deno.test("pinhole expose closes a visitor when nothing listens on the service, and says so", async () => {
  await using server = new StunServer(PAIR);
  const port = freePort("127.0.0.1");
  await using child = expose(`localhost:${port}`, "--server", start(server));
  const [, text] = await child.line(/public address (\S+)$/);
  const visitor = await connectTcp(address(text!));
  assertEquals(await visitor.read().catch(() => undefined), undefined);
  visitor.close();
  await child.line(/Z turned away 127\.0\.0\.1:\d+: Cannot connect to tcp .*refuses connections$/);
});

Deno.test("pinhole expose --on-change runs the command, and --webhook posts", async () => {
  await using server = new StunServer(PAIR);
  const posts: Record<string, unknown>[] = [];
  const receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      posts.push(await request.json());
      return new Response();
    },
  );
  try {
    const file = await Deno.makeTempFile();
    const command = `f() { echo "$PINHOLE_EVENT $@" > '${file}'; echo told; }; f`;
    const child = begin([...PERMISSIONS, "--allow-run=sh"], [
      ...["8080", "--server", start(server), "--json", "--on-change", command],
      ...["--webhook", `http://127.0.0.1:${receiver.addr.port}/`],
    ]);
    await using _child = child;
    const { public: text } = await event(child, "refresh");
    const { ok, detail } = await event(child, "hook");
    assertEquals([ok, detail], [true, "exit code 0"]);
    const { ip, port } = address(text as string);
    assertEquals(await Deno.readTextFile(file), `refresh ${ip.join(".")} ${port}\n`);
    await event(child, "verified");
    while (posts.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const { stdout, stderr } = await child.stop("SIGINT");
    const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const posted = lines.filter(({ event }) => event === "refresh" || event === "verified");
    assertEquals(posts.map(withoutTime), posted.map(withoutTime));
    // What the command prints is not taken for events
    assertEquals(stderr, "told\n");
    await Deno.remove(file);
  } finally {
    await receiver.shutdown();
  }
});

Deno.test("pinhole expose --allow turns others away", async () => {
  await using server = new StunServer(PAIR);
  await using service = new Echo();
  const flags = ["--server", start(server), "--json", "--allow", "192.0.2.0/24"];
  await using child = expose(`${service.target.port}`, ...flags);
  const { public: text } = await event(child, "verified");
  assertEquals(await echoed(address(text as string), "hello"), "");
  const { from, reason, count } = await event(child, "denied");
  assertMatch(from as string, /^127\.0\.0\.1:\d+$/);
  assertEquals([reason, count], ["not-allowed", 1]);
});

Deno.test("pinhole expose --max-connections turns away who is one too many", async () => {
  await using server = new StunServer(PAIR);
  await using service = new Echo();
  const flags = ["--server", start(server), "--json", "--max-connections", "1"];
  await using child = expose(`${service.target.port}`, ...flags);
  const { public: text } = await event(child, "verified");
  const first = await connectTcp(address(text as string));
  await event(child, "connection");
  assertEquals(await echoed(address(text as string), "hello"), "");
  assertEquals((await event(child, "denied")).reason, "too-many");
  first.close();
  await event(child, "closed");
  assertEquals(await echoed(address(text as string), "hello"), "hello");
});

Deno.test("pinhole expose --udp forwards datagrams", async () => {
  await using server = new StunServer(PAIR);
  const bind = () => openDenoDatagram({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  const [service, visitor] = [bind(), bind()];
  try {
    const { port } = service.localAddress;
    const uri = start(server, "udp");
    await using child = expose(`127.0.0.1:${port}`, "--server", uri, "--udp", "--json");
    const { public: text } = await event(child, "refresh");
    const peer = { ip: Uint8Array.of(127, 0, 0, 1), port: address(text as string).port };
    await visitor.send([{ bytes: Uint8Array.of(1, 2, 3), peer }]);
    const [asked] = await service.receive();
    await service.send([{ bytes: Uint8Array.of(4, 5), peer: asked!.peer }]);
    const [answer] = await visitor.receive();
    assertEquals([asked!.bytes, answer!.bytes], [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)]);
    assertEquals(answer!.peer, peer);
    const { code, stdout } = await child.stop("SIGINT");
    const { outcome, receivedBytes, sentBytes } = JSON.parse(
      stdout.split("\n").find((line) => line.includes('"event":"closed"'))!,
    );
    assertEquals([code, outcome, receivedBytes, sentBytes], [0, "aborted", 3, 2]);
    assertEquals(/verified/.test(stdout), false);
  } finally {
    service.close();
    visitor.close();
  }
});

Deno.test("pinhole expose --local-port exposes this port", async () => {
  await using server = new StunServer(PAIR);
  const port = freePort("127.0.0.1");
  const flags = ["--server", start(server), "--json", "--local-port", `${port}`];
  await using child = expose("8080", ...flags);
  assertEquals((await event(child, "refresh")).public, `127.0.0.1:${port}`);
});

Deno.test("pinhole expose says that its server is gone, and goes on when it is back", async () => {
  const port = freePort("127.0.0.1");
  const first = new StunServer({ hostnames: ["127.0.0.1"], port });
  first.start();
  await using service = new Echo();
  await using child = expose(`${service.target.port}`, "--server", `stun:127.0.0.1:${port}`);
  await child.line(/Z public address /);
  await first.close();
  await child.line(/Z lost: /);
  await using second = new StunServer({ hostnames: ["127.0.0.1"], port });
  second.start();
  const again = /Z lost: .*\n(?:.*\n)*?\S+Z public address (\S+)$/m;
  while (!again.test(child.stdout)) await new Promise((resolve) => setTimeout(resolve, 10));
  const [, text] = again.exec(child.stdout)!;
  assertEquals(await echoed(address(text!), "hello"), "hello");
});

Deno.test("pinhole expose ends with 4 where no server answers", async () => {
  const uri = `stun:127.0.0.1:${freePort("127.0.0.1")}`;
  const { code, stdout, stderr } = await exposed("8080", "--server", uri);
  assertEquals(code, 4);
  assertMatch(stderr, /^error: Cannot have a public address: [^\n]+\n$/);
  assertMatch(stdout, /^(\S+Z 127\.0\.0\.1:\d+ failed: [^\n]+\n)*$/);
  const asJson = await exposed("8080", "--server", uri, "--json");
  const last = JSON.parse(asJson.stdout.trimEnd().split("\n").at(-1)!);
  assertEquals([asJson.code, asJson.stderr, last.event, last.code], [4, "", "failed", "no-server"]);
});

Deno.test("pinhole expose ends with 0 at Ctrl-C before there is an address", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  await using child = expose("8080", "--server", `stun:127.0.0.1:${port}`);
  // Held: a server that closes is one that is not there, and says so first if the signal is late
  const held = await silent.accept();
  assertEquals((await child.stop("SIGINT")).code, 0);
  held.close();
  silent.close();
});

testWithTool({
  name: "pinhole expose shows connections and bytes in a line on a terminal, and takes it away",
  tools: [{ command: "script", package: "bsdutils" }],
  fn: async () => {
    await using server = new StunServer(PAIR);
    const command = [
      ...["timeout", "--signal=INT", "3", Deno.execPath(), "run", "--quiet", "--no-prompt"],
      ...[...PERMISSIONS, `${ROOT}lib/cli/pinhole.ts`, "expose", "8080", "--server", start(server)],
    ];
    const { stdout } = await run("script", [
      ...["--quiet", "--return", "--command", command.join(" "), "/dev/null"],
    ]);
    const status = "\r\x1b[K0 open, 0 so far, 0 B in, 0 B out …";
    assertEquals(stdout.includes(`${status}\r\x1b[K`), true);
    assertMatch(stdout.split("\r\x1b[K").at(-2)!, /Z stopped: SIGINT\r?\n$/);
  },
});

const SERVER = ["--server", "stun:127.0.0.1:3478"];
const USAGE: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot expose: wanted a service, HOST:PORT or PORT"],
  [["8080"], "Cannot expose: wanted --server stun:HOST[:PORT]"],
  [["http://localhost", ...SERVER], 'Cannot read "http://localhost": wanted HOST:PORT or PORT'],
  [["80", "81", ...SERVER], 'Cannot read "81": no such argument'],
  [["80", "--server", "stuns:127.0.0.1"], "Cannot expose with stuns:127.0.0.1: wanted stun:"],
  [
    ["80", "--server", "127.0.0.1"],
    'Cannot read "127.0.0.1": wanted it to start with stun: or stuns:',
  ],
  [["80", ...SERVER, "-4", "-6"], "Cannot expose: -4 and -6 exclude each other"],
  [
    ["80", ...SERVER, "--allow", "192.0.2.1/24"],
    'Cannot read "192.0.2.1/24": bits of the host are set, wanted 192.0.2.0/24',
  ],
  [
    ["80", ...SERVER, "--local-port=0"],
    "Cannot read --local-port: got 0, wanted a port of 1 to 65535",
  ],
  [
    ["80", ...SERVER, "--max-connections=0"],
    "Cannot read --max-connections: got 0, wanted connections 1 to 500000",
  ],
  [
    ["80", ...SERVER, "--keep-alive=0.5"],
    "Cannot read --keep-alive: got 0.5, wanted seconds 0 to 3600",
  ],
  [
    ["80", ...SERVER, "--udp", "--keep-alive-url=http://127.0.0.1/"],
    "Cannot use --keep-alive-url with --udp: it is about TCP",
  ],
  [["80", ...SERVER, "--on-change=true"], "Cannot use --on-change: pass --allow-run=sh"],
  [
    ["80", ...SERVER, "--webhook=ftp://127.0.0.1/"],
    'Cannot read --webhook: got "ftp://127.0.0.1/", wanted an http: or https: URL',
  ],
  [["80", ...SERVER, "--gap"], "Cannot read --gap: pinhole expose has no such flag"],
];
for (const [args, problem] of USAGE) {
  Deno.test(`pinhole expose ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await exposed(...args), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

Deno.test("pinhole expose takes a keep-alive URL that it cannot use for wrong usage", async () => {
  await using server = new StunServer(PAIR);
  const flags = ["--server", start(server), "--keep-alive-url", "https://127.0.0.1/"];
  const { code, stderr } = await exposed("80", ...flags);
  assertEquals(code, 2);
  assertMatch(stderr, /keepAliveUrl is https:\/\/127\.0\.0\.1\/, wanted an http: URL$/m);
});

Deno.test("pinhole expose prints its help, every flag and every event in it", async () => {
  const { code, stdout, stderr } = await exposed("--help");
  assertEquals([code, stderr], [0, ""]);
  for (const { name, short, value } of EXPOSE.flags) {
    const left = [short === undefined ? "" : `${short}, `, `--${name}`, value && ` ${value}`];
    assertMatch(stdout, new RegExp(`^  ${left.join("")}\\s`, "m"));
  }
  assertMatch(stdout, /^Example: pinhole expose 127\.0\.0\.1:8080 --server stun:/m);
  assertMatch(stdout, /^Exit codes: 0 stopped by Ctrl-C, 1 failed while running, 4 no public /m);
});

/** Starts a server; its URI. */
function start(server: StunServer, transport: "tcp" | "udp" = "tcp"): string {
  const found = server.start().find((listener) => listener.transport === transport)!;
  return `stun:${found.address.ip.join(".")}:${found.address.port}`;
}

function withoutTime({ time: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

/** What comes back from a public address. */
async function echoed(to: SocketAddress, text: string): Promise<string> {
  const connection = await connectTcp(to);
  try {
    await connection.write(new TextEncoder().encode(text));
    await connection.closeWrite();
    return await rest(connection);
  } catch {
    return "";
  } finally {
    connection.close();
  }
}

async function rest(connection: StreamConnection): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

/** The first event of a name that is told. */
async function event(child: Child, name: string): Promise<Record<string, unknown>> {
  const { input } = await child.line(new RegExp(`^{"event":"${name}",`));
  return JSON.parse(input!);
}

async function exposed(...args: readonly string[]): Promise<RunResult> {
  await using child = expose(...args);
  return await child.result(30_000);
}

function expose(...args: readonly string[]): Child {
  return begin(PERMISSIONS, args);
}

function begin(permissions: readonly string[], args: readonly string[]): Child {
  return deno([
    ...["run", "--no-prompt", ...permissions, `${ROOT}lib/cli/pinhole.ts`, "expose", ...args],
  ]);
}
