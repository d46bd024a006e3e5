import { assertEquals, assertMatch } from "@std/assert";
import { NAT } from "../../lib/cli/nat_command.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { ScriptedUdpServer } from "../client/scripted_server.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno, run, type RunResult } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];
const PLAIN: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };
const PAIR: StunServerOptions = { ...PLAIN, alternateHostnames: ["127.0.0.2"] };

Deno.test("pinhole nat tells everything with a server that has RFC 5780, and ends with 0", async () => {
  await using server = new StunServer(PAIR);
  const uri = start(server);
  const { code, stdout, stderr } = await nat(uri);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^│ 127\.0\.0\.1:\d+ │───▶│ 127\.0\.0\.1:\d+ │$/m);
  assertMatch(stdout, /^UDP {10}open\n {2}Mapping {4}none\n/m);
  assertMatch(stdout, /^TCP {10}open\n {2}Mapping {4}none\n/m);
  assertMatch(stdout, /^UDP: no NAT and no firewall\. Anybody can reach this host/m);
});

Deno.test("pinhole nat --json prints one object, with no progress beside it", async () => {
  await using server = new StunServer(PAIR);
  const { code, stdout, stderr } = await nat(start(server), "--json", "--padding");
  assertEquals([code, stderr, stdout.split("\n").length], [0, "", 2]);
  const report = JSON.parse(stdout);
  assertEquals(Object.keys(report), [
    ...["family", "udp", "tcp", "hairpinning", "fragments", "summary", "predictions", "servers"],
    "evidence",
  ]);
  const open = { reachable: true, mapping: "none", filtering: "endpoint-independent" };
  for (const part of [report.udp, report.tcp]) {
    const { reachable, mapping, filtering, classic, reflexive, local } = part;
    assertEquals({ reachable, mapping, filtering }, open);
    assertEquals([classic, reflexive], ["open", local]);
  }
  const asked = new Set(report.evidence.map((line: { transport: string }) => line.transport));
  assertEquals([...asked], ["udp", "tcp"]);
});

for (const transport of ["udp", "tcp"] as const) {
  Deno.test(`pinhole nat --${transport} tests ${transport} alone`, async () => {
    await using server = new StunServer(PAIR);
    const { code, stdout } = await nat(start(server), `--${transport}`, "--json");
    const { udp, tcp } = JSON.parse(stdout);
    assertEquals([code, udp !== undefined, tcp !== undefined], [
      0,
      transport === "udp",
      transport === "tcp",
    ]);
  });
}

Deno.test("pinhole nat --udp --tcp tests both", async () => {
  await using server = new StunServer(PAIR);
  const { stdout } = await nat(start(server), "--udp", "--tcp", "--json");
  const { udp, tcp } = JSON.parse(stdout);
  assertEquals([udp.classic, tcp.classic], ["open", "open"]);
});

Deno.test("pinhole nat says what a server without RFC 5780 cannot tell, and ends with 3", async () => {
  await using server = new StunServer(PLAIN);
  const { code, stdout, stderr } = await nat(start(server), "--udp");
  assertEquals([code, stderr], [3, ""]);
  assertMatch(stdout, /^UDP {10}unknown\n {2}Mapping {4}none\n/m);
  assertMatch(
    stdout,
    /^ {2}Filtering {2}unknown\n {13}this cannot be told: this server has no RFC 5780$/m,
  );
});

Deno.test("pinhole nat compares several servers, and shows what each could tell", async () => {
  await using one = new StunServer(PAIR);
  await using two = new StunServer({ ...PLAIN, hostnames: ["127.0.0.3"] });
  const [first, second] = [start(one), start(two)];
  const { code, stdout } = await nat(first, second, "--udp");
  assertEquals(code, 0);
  assertMatch(stdout, /^UDP {10}open$/m);
  const section = stdout.split("\n\n").find((one) => one.startsWith("Filtering, as each"))!;
  const [, source] = stdout.match(/from (127\.0\.0\.2:\d+)/)!;
  assertEquals(
    section.split(/\s+/).join(" "),
    [
      "Filtering, as each server shows it",
      `${first.slice("stun:".length)}: endpoint-independent`,
      `an answer came in from ${source}, which had never been sent to`,
      `${second.slice("stun:".length)}: unknown`,
      "this cannot be told: this server has no RFC 5780",
    ].join(" "),
  );
});

Deno.test("pinhole nat warns of a server that it cannot ask beside the others", async () => {
  await using server = new StunServer(PAIR);
  const { code, stderr } = await nat(start(server), "stun:[::1]", "--udp");
  assertEquals([code, stderr], [
    0,
    "warning: stun:[::1] is not asked: it has no IPv4 address, which the others have\n",
  ]);
});

Deno.test("pinhole nat ends with 4 where no server answers", async () => {
  const uri = `stun:127.0.0.1:${freePort("127.0.0.1")}`;
  const { code, stdout, stderr } = await nat(uri, "--tcp");
  assertEquals({ code, stdout, stderr }, {
    code: 4,
    stdout: `\
TCP          blocked
             no server could be connected to

TCP: blocked, or no server answers.
`,
    stderr: "",
  });
});

Deno.test("pinhole nat --timeout gives up in one line, and ends with 4", async () => {
  using silent = new ScriptedUdpServer();
  const flags = ["--udp", "--timeout", "0.5"];
  const message = "Cannot tell the NAT: it took longer than 0.5 s";
  assertEquals(await nat(silent.uri, ...flags), {
    code: 4,
    stdout: "",
    stderr: `error: ${message}\n`,
  });
  const error = { code: "timed-out", message };
  assertEquals(await nat(silent.uri, ...flags, "--json"), {
    code: 4,
    stdout: `${JSON.stringify({ servers: [silent.uri], error })}\n`,
    stderr: "",
  });
});

Deno.test("pinhole nat fails in one line without a permission", async () => {
  for (const flag of ["--udp", "--tcp"]) {
    const { code, stdout, stderr } = await pinhole([], ["nat", "stun:127.0.0.1", flag]);
    assertEquals([code, stdout], [4, ""]);
    assertMatch(stderr, /^error: Cannot [^\n]+ pass --allow-net\n$/);
  }
});

Deno.test("pinhole nat --watch prints the mapping and ends with the report's code at SIGINT", async () => {
  await using server = new StunServer(PLAIN);
  await using child = begin(PERMISSIONS, ["nat", start(server), "--udp", "--watch", "0.05"]);
  const [, port] = await child.line(/^\d{4}-\d\d-\d\dT[\d:.]+Z 127\.0\.0\.1:(\d+)$/);
  await server[Symbol.asyncDispose]();
  await child.line(new RegExp(`Z no answer \\(was 127\\.0\\.0\\.1:${port}\\)$`), {
    timeoutMs: 20_000,
  });
  const { code, stderr } = await child.stop("SIGINT");
  assertEquals([code, stderr], [3, ""]);
});

testWithTool({
  name: "pinhole nat shows a line of progress on a terminal, and takes it away",
  tools: [{ command: "script", package: "bsdutils" }],
  fn: async () => {
    await using server = new StunServer(PAIR);
    const command = [
      ...[Deno.execPath(), "run", "--quiet", "--no-prompt", ...PERMISSIONS],
      ...[`${ROOT}lib/cli/pinhole.ts`, "nat", start(server)],
    ];
    const { code, stdout } = await run("script", [
      ...["--quiet", "--return", "--command", command.join(" "), "/dev/null"],
    ]);
    assertEquals(code, 0);
    const [progress, report] = stdout.split("\r\x1b[K┌");
    const titles = progress!.split("\r\x1b[K").map((title) => title.replace(/ …$/, ""));
    assertEquals(titles.slice(0, 2), ["", "Reaching the servers"]);
    assertEquals(titles.includes("Dial-back from another address"), true);
    assertEquals(report!.includes("\x1b"), false);
  },
});

const TARGET = "stun:127.0.0.1:3478";
const USAGE: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot test: wanted a server, stun:HOST[:PORT]"],
  [["stun.example.org"], 'Cannot read "stun.example.org": wanted it to start with stun: or stuns:'],
  [["stuns:stun.example.org"], "Cannot test with stuns:stun.example.org: wanted stun:"],
  [[TARGET, "--sctp"], "Cannot read --sctp: pinhole nat has no such flag"],
  [[TARGET, "--json=yes"], "Cannot read --json: it takes no value"],
  [[TARGET, "-4", "-6"], "Cannot test: -4 and -6 exclude each other"],
  [[TARGET, "--timeout"], "Cannot read --timeout: it wants SECONDS"],
  ...["timeout", "watch"].flatMap((name) =>
    ["0", "-1", "86401", "soon", "NaN", "Infinity"].map((value) =>
      [
        [TARGET, `--${name}=${value}`],
        `Cannot read --${name}: got ${value}, wanted seconds up to 86400`,
      ] as const
    )
  ),
  ...["lifetime", "padding"].map((name) =>
    [
      [TARGET, "--tcp", `--${name}`],
      `Cannot use --${name} with --tcp alone: it is about UDP`,
    ] as const
  ),
  [[TARGET, "--tcp", "--watch=1"], "Cannot use --watch with --tcp alone: it is about UDP"],
];
for (const [args, problem] of USAGE) {
  Deno.test(`pinhole nat ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await nat(...args), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

Deno.test("pinhole nat prints its help and every flag in it", async () => {
  const { code, stdout, stderr } = await nat("--help");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await nat("-h", TARGET), { code, stdout, stderr });
  for (const { name, short, value } of NAT.flags) {
    const left = [short === undefined ? "" : `${short}, `, `--${name}`, value && ` ${value}`];
    assertMatch(stdout, new RegExp(`^  ${left.join("")}\\s`, "m"));
  }
  assertMatch(stdout, /^Usage: pinhole nat stun:HOST\[:PORT\] \[stun:…\] \[flags\]/);
  assertMatch(stdout, /^Example: pinhole nat stun:stun\.example\.org$/m);
  assertMatch(
    stdout,
    /^Exit codes: 0 complete verdict, 3 partial, 4 blocked or no server answered, 2 wrong usage$/m,
  );
});

/** Starts a server; its URI. */
function start(server: StunServer): string {
  const { ip, port } = server.start()[0]!.address;
  return `stun:${ip.join(".")}:${port}`;
}

function nat(...args: readonly string[]): Promise<RunResult> {
  return pinhole(PERMISSIONS, ["nat", ...args]);
}

async function pinhole(
  flags: readonly string[],
  args: readonly string[],
): Promise<RunResult> {
  await using child = begin(flags, args);
  return await child.result(30_000);
}

function begin(flags: readonly string[], args: readonly string[]): Child {
  return deno(["run", "--no-prompt", ...flags, `${ROOT}lib/cli/pinhole.ts`, ...args]);
}
