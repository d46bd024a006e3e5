import { assertEquals, assertMatch } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { QUERY } from "../../lib/cli/query_command.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno, type RunResult } from "../support/process.ts";
import { UdpClient } from "../server/loopback_client.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];

Deno.test("pinhole query tells the public address over UDP", async () => {
  await using server = new StunServer(SERVER);
  const target = start(server);
  const { code, stdout, stderr } = await query(`stun:${target}`);
  const port = /127\.0\.0\.1:([0-9]+)/.exec(stdout)![1];
  assertEquals(stdout.replace(/[0-9.]+ ms/, "TIME ms").split("\n"), [
    `Public address  127.0.0.1:${port}`,
    `Local address   127.0.0.1:${port} (the same: no NAT on the way)`,
    `Server          ${target} over UDP`,
    "Round trip      TIME ms",
    "",
  ]);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("pinhole query tells the public address over TCP, and what the server calls itself", async () => {
  await using server = new StunServer({ ...SERVER, software: "Pinhole" });
  const target = start(server);
  const { code, stdout, stderr } = await query(`stun:${target}`, "--tcp");
  const port = /127\.0\.0\.1:([0-9]+)/.exec(stdout)![1];
  assertEquals(stdout.replace(/[0-9.]+ ms/, "TIME ms").split("\n"), [
    `Public address  127.0.0.1:${port}`,
    `Local address   127.0.0.1:${port} (the same: no NAT on the way)`,
    `Server          ${target} over TCP`,
    "Round trip      TIME ms",
    "Software        Pinhole",
    "",
  ]);
  assertEquals([code, stderr], [0, ""]);
});

for (const transport of ["udp", "tcp"] as const) {
  Deno.test(`pinhole query --json prints one object of documented keys over ${transport}`, async () => {
    await using server = new StunServer(SERVER);
    const target = start(server);
    const flags = transport === "tcp" ? ["--tcp"] : [];
    const { code, stdout, stderr } = await query(`stun:${target}`, "--json", ...flags);
    assertEquals([code, stderr, stdout.split("\n").length], [0, "", 2]);
    const object = JSON.parse(stdout);
    assertEquals(Object.keys(object), [
      "server",
      "transport",
      "local",
      "reflexive",
      "nat",
      "rttMs",
      "attempts",
    ]);
    assertMatch(object.local, /^127\.0\.0\.1:[0-9]+$/);
    assertEquals(object, {
      server: target,
      transport,
      local: object.local,
      reflexive: object.local,
      nat: false,
      rttMs: object.rttMs,
      attempts: 1,
    });
    assertEquals([typeof object.rttMs, object.rttMs > 0], ["number", true]);
    assertEquals(Math.round(object.rttMs * 1000) / 1000, object.rttMs);
  });
}

Deno.test("pinhole query --json tells software after the documented keys where there is any", async () => {
  await using server = new StunServer({ ...SERVER, software: "Pinhole" });
  const { stdout } = await query(`stun:${start(server)}`, "--json");
  assertEquals(Object.entries(JSON.parse(stdout)).at(-1), ["software", "Pinhole"]);
});

Deno.test("pinhole query sees a translated address: behind a NAT", async () => {
  // A server behind a balancer tells another address, as a NAT would make it
  await using server = new StunServer({
    ...SERVER,
    proxies: [{ ip: Uint8Array.of(127, 0, 0, 1), bits: 32 }],
  });
  const [, { address }] = server.start() as [unknown, { address: { port: number } }];
  using balancer = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const relayed = relay(balancer, address.port);
  const { code, stdout } = await query(`stun:127.0.0.1:${balancer.addr.port}`, "--tcp");
  await relayed;
  const [first, second] = stdout.split("\n");
  assertEquals(first, "Public address  192.0.2.1:32853");
  assertMatch(
    second!,
    /^Local address {3}127\.0\.0\.1:[0-9]+ \(translated on the way: behind a NAT\)$/,
  );
  assertEquals(code, 0);
});

Deno.test("pinhole query uses the family that it is told to", async () => {
  await using server = new StunServer({ ...SERVER, hostnames: ["127.0.0.1", "::1"], port: 0 });
  const sockets = server.start();
  const four = `stun:127.0.0.1:${sockets[0]!.address.port}`;
  const six = `stun:[::1]:${sockets[2]!.address.port}`;
  for (const [target, flag] of [[four, "-4"], [six, "-6"], [four, "--ipv4"], [six, "--ipv6"]]) {
    const { code, stdout } = await query(target!, flag!, "--json");
    assertEquals([code, `stun:${JSON.parse(stdout).server}`], [0, target]);
  }
  assertEquals(await query(four, "-6"), {
    code: 1,
    stdout: "",
    stderr: 'error: Cannot resolve "127.0.0.1": it has no IPv6 address\n',
  });
  assertEquals(await query(six, "-4", "--json"), {
    code: 1,
    stdout: `${
      JSON.stringify({
        server: six,
        transport: "udp",
        error: { code: "not-found", message: 'Cannot resolve "::1": it has no IPv4 address' },
      })
    }\n`,
    stderr: "",
  });
});

Deno.test("pinhole query gives up after its timeout", async () => {
  using silent = new UdpClient();
  const target = silent.address;
  const message = `Cannot query ${target} over UDP: no answer to 1 request`;
  assertEquals(await query(`stun:${target}`, "--timeout", "0.1"), {
    code: 1,
    stdout: "",
    stderr: `error: ${message}\n`,
  });
  assertEquals(await query(`stun:${target}`, "--timeout=0.1", "--json"), {
    code: 1,
    stdout: `${failure(`stun:${target}`, "udp", { code: "timed-out", message })}\n`,
    stderr: "",
  });
});

Deno.test("pinhole query is refused where nobody listens", async () => {
  const target = `stun:127.0.0.1:${freePort()}`;
  const message = `Cannot connect to tcp ${target.slice(5)}: the peer refuses connections`;
  assertEquals(await query(target, "--tcp"), {
    code: 1,
    stdout: "",
    stderr: `error: ${message}\n`,
  });
  assertEquals(await query(target, "--tcp", "--json"), {
    code: 1,
    stdout: `${failure(target, "tcp", { code: "refused", message })}\n`,
    stderr: "",
  });
});

Deno.test("pinhole query tells the error that a server answers with", async () => {
  await using server = new StunServer({
    ...SERVER,
    authenticator: {
      authenticate: () => ({ kind: "unauthenticated", code: 400, attributes: [], seals: {} }),
    },
  });
  const target = start(server);
  const message = `Cannot query ${target}: the server answered 400 Bad Request`;
  assertEquals(await query(`stun:${target}`, "--tcp"), {
    code: 1,
    stdout: "",
    stderr: `error: ${message}\n`,
  });
  assertEquals(await query(`stun:${target}`, "--tcp", "--json"), {
    code: 1,
    stdout: `${failure(`stun:${target}`, "tcp", { code: "error-response", message })}\n`,
    stderr: "",
  });
});

Deno.test("pinhole query fails in one line without a permission", async () => {
  const target = "stun:127.0.0.1:3478";
  for (const flags of [[], ["--tcp"]]) {
    const { code, stdout, stderr } = await pinhole([], ["query", target, ...flags]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^error: Cannot [^\n]+: Deno was run without network permission, pass --allow-net\n$/,
    );
  }
});

Deno.test("pinhole query fails in one line without --unstable-net, and asks over TCP", async () => {
  const config = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const { imports } = denoJson;
    await Deno.writeTextFile(config, JSON.stringify({ imports }));
    await using server = new StunServer(SERVER);
    const target = `stun:${start(server)}`;
    const flags = ["--no-lock", "--config", config, "--allow-net"];
    const message = "Cannot open a UDP socket: Deno.listenDatagram is missing, pass --unstable-net";
    assertEquals(await pinhole(flags, ["query", target]), {
      code: 1,
      stdout: "",
      stderr: `error: ${message}\n`,
    });
    assertEquals(await pinhole(flags, ["query", target, "--json"]), {
      code: 1,
      stdout: `${failure(target, "udp", { code: "unsupported", message })}\n`,
      stderr: "",
    });
    assertEquals((await pinhole(flags, ["query", target, "--tcp"])).code, 0);
  } finally {
    await Deno.remove(config);
  }
});

const TARGET = "stun:127.0.0.1:3478";
const USAGE: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot query: wanted a server, stun:HOST[:PORT]"],
  [["stun.example.org"], 'Cannot read "stun.example.org": wanted it to start with stun: or stuns:'],
  [
    ["turn:turn.example.org"],
    'Cannot read "turn:turn.example.org": it is a TURN URI, wanted stun: or stuns:',
  ],
  [[TARGET, "stun:other"], 'Cannot read "stun:other": no such argument'],
  [[TARGET, "--udp"], "Cannot read --udp: pinhole query has no such flag"],
  [[TARGET, "--json=yes"], "Cannot read --json: it takes no value"],
  [[TARGET, "-4", "-6", "--json"], "Cannot query: -4 and -6 exclude each other"],
  [[TARGET, "--timeout"], "Cannot read --timeout: it wants SECONDS"],
  ...["0", "-1", "3601", "soon", "NaN", "Infinity"].map((value) =>
    [
      [TARGET, `--timeout=${value}`],
      `Cannot read --timeout: got ${value}, wanted seconds up to 3600`,
    ] as const
  ),
  [
    [TARGET, "--timeout", "1", "--timeout", "2"],
    "Cannot read --timeout: it was given 2 times, wanted once",
  ],
  [[TARGET, "--user", "hunter2"], "Cannot read --user: wanted NAME:PASSWORD"],
  [[TARGET, "--short-term"], "Cannot use --short-term: wanted --user too"],
];
for (const [args, problem] of USAGE) {
  Deno.test(`pinhole query ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await query(...args), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

Deno.test("pinhole query prints its help and every flag in it", async () => {
  const { code, stdout, stderr } = await query("--help");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await query("-h", TARGET), { code, stdout, stderr });
  for (const { name, short, value } of QUERY.flags) {
    const left = [short === undefined ? "" : `${short}, `, `--${name}`, value && ` ${value}`];
    assertMatch(stdout, new RegExp(`^  ${left.join("")}\\s`, "m"));
  }
  assertMatch(stdout, /^Usage: pinhole query stun:HOST\[:PORT\] \[flags\]/);
  assertMatch(stdout, /^Example: pinhole query stun:stun\.example\.org/m);
  assertMatch(stdout, /^Exit codes: 0 answered, 1 no usable answer, 2 wrong usage$/m);
});

const SERVER: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };

/** Starts a server; where it is. */
function start(server: StunServer): string {
  return `127.0.0.1:${server.start()[0]!.address.port}`;
}

function query(...args: readonly string[]): Promise<RunResult> {
  return pinhole(PERMISSIONS, ["query", ...args]);
}

async function pinhole(
  flags: readonly string[],
  args: readonly string[],
): Promise<RunResult> {
  const program = `${ROOT}lib/cli/pinhole.ts`;
  await using child = deno(["run", "--no-prompt", ...flags, program, ...args]);
  return await child.result(20_000);
}

function failure(server: string, transport: string, error: Record<string, string>): string {
  return JSON.stringify({ server, transport, error });
}

/** Passes one connection on, as a load balancer does. */
async function relay(listener: Deno.TcpListener, port: number): Promise<void> {
  using client = await listener.accept();
  using server = await Deno.connect({ hostname: "127.0.0.1", port });
  await server.write(
    new TextEncoder().encode("PROXY TCP4 192.0.2.1 198.51.100.1 32853 3478\r\n"),
  );
  await Promise.all([
    client.readable.pipeTo(server.writable).catch(() => {}),
    server.readable.pipeTo(client.writable).catch(() => {}),
  ]);
}
