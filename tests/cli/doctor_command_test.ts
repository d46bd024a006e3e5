import { assertEquals, assertMatch } from "@std/assert";
import { DOCTOR } from "../../lib/cli/doctor_command.ts";
import { doctorChecks } from "../../lib/protocol/doctor/mod.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { answerTo, ScriptedUdpServer } from "../client/scripted_server.ts";
import { AUTHORITY, SERVER } from "../support/certificate.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno, type RunResult } from "../support/process.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];
const PLAIN: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };

Deno.test("pinhole doctor tells all of our own server, and ends with 0", async () => {
  await using server = new StunServer({ ...PLAIN, alternateHostnames: ["127.0.0.2"] });
  const { code, stdout, stderr } = await doctor(start(server), "--hold", "0.2");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^127\.0\.0\.1:\d+\npass {2}Answers over UDP, to a plain request +RFC 8489 12\n/,
  );
  assertMatch(stdout, /^pass {2}Holds a TCP connection that is in use +RFC 8489 6\.2\.2$/m);
  assertMatch(stdout, /\n\n38 checks: 31 pass, 0 warn, 0 fail, 7 skip\n$/);
});

Deno.test("pinhole doctor --json prints one object with the keys that are documented", async () => {
  await using server = new StunServer({ ...PLAIN, tls: { ...SERVER, port: 0 } });
  const listeners = server.start();
  const uri = `stun:${formatSocketAddress(listeners[0]!.address)}`;
  const tls = listeners.find(({ transport }) => transport === "tls")!.address.port;
  const file = await Deno.makeTempFile({ suffix: ".pem" });
  await Deno.writeTextFile(file, AUTHORITY);
  try {
    const { code, stdout, stderr } = await pinhole(
      [...PERMISSIONS, `--allow-read=${file}`],
      ["doctor", uri, "--json", "--hold=0", "--requests=3", `--tls=${tls}`, `--ca=${file}`],
    );
    assertEquals([code, stderr, stdout.split("\n").length], [0, "", 2]);
    const { server: address, checks, holdMs, amplification, latency, ...rest } = JSON.parse(stdout);
    assertEquals([`stun:${address}`, holdMs, amplification, rest], [uri, null, 2.2, {}]);
    assertEquals(checks.map(({ id }: { id: string }) => id), doctorChecks().map(({ id }) => id));
    assertEquals(Object.keys(checks[0]), ["id", "title", "rfc", "result", "detail"]);
    assertEquals(Object.keys(latency), ["requests", "lost", "p50Ms", "p99Ms"]);
    assertEquals(latency.requests, 3);
    const results = (wanted: string) =>
      checks.filter(({ id, result }: Record<string, string>) =>
        id!.startsWith("tls-") && result === wanted
      ).length;
    assertEquals([results("pass"), results("skip")], [5, 1]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("pinhole doctor --prometheus prints metrics, also of a host without an address", async () => {
  await using server = new StunServer(PLAIN);
  const { code, stdout, stderr } = await doctor(start(server), "--prometheus", "--tcp", "--hold=0");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^# HELP pinhole_doctor_up [^\n]+\n# TYPE pinhole_doctor_up gauge\npinhole_doctor_up 1\n/,
  );
  assertMatch(stdout, /^pinhole_doctor_check\{check="tcp-binding",result="pass"\} 1$/m);
  const nowhere = await doctor("stun:127.0.0.1", "-6", "--prometheus");
  assertEquals(nowhere.code, 4);
  assertMatch(nowhere.stdout, /\npinhole_doctor_up 0\n$/);
  assertEquals(nowhere.stderr, 'error: Cannot resolve "127.0.0.1": it has no IPv6 address\n');
});

Deno.test("pinhole doctor ends with 4 where nobody answers", async () => {
  const { code, stdout, stderr } = await doctor(`stun:127.0.0.1:${freePort()}`, "--tcp");
  assertEquals([code, stderr], [4, ""]);
  assertMatch(stdout, /^fail {2}Answers over TCP +RFC 8489 12\n {6}Cannot connect /m);
});

Deno.test("pinhole doctor ends with 1 where a rule is broken", async () => {
  const server = new ScriptedUdpServer();
  const serving = answerWithNothing(server);
  try {
    const { code, stdout } = await doctor(server.uri, "--udp", "--requests=1");
    assertEquals(code, 1);
    assertMatch(
      stdout,
      /^fail [^\n]+\n {6}the answer has no XOR-MAPPED-ADDRESS that can be read$/m,
    );
  } finally {
    server[Symbol.dispose]();
    await serving;
  }
});

Deno.test("pinhole doctor ends with 4 when its time is over", async () => {
  await using server = new StunServer(PLAIN);
  const uri = start(server);
  const message = "Cannot examine: it took longer than 0.5 s";
  const args = [uri, "--hold=60", "--tcp", "--timeout=0.5"];
  assertEquals(await doctor(...args), { code: 4, stdout: "", stderr: `error: ${message}\n` });
  const { stdout } = await doctor(...args, "--json");
  assertEquals(JSON.parse(stdout), { server: uri, error: { code: "timed-out", message } });
});

Deno.test("pinhole doctor says what it needs without a permission", async () => {
  const { code, stdout } = await pinhole([], ["doctor", "stun:127.0.0.1", "--tcp"]);
  assertEquals(code, 4);
  assertMatch(
    stdout.replace(/\s+/g, " "),
    /Deno was run without network permission, pass --allow-net/,
  );
});

const TARGET = "stun:127.0.0.1:3478";
const USAGE: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot examine: wanted a server, stun:HOST[:PORT]"],
  [["stun.example.org"], 'Cannot read "stun.example.org": wanted it to start with stun: or stuns:'],
  [[TARGET, TARGET], `Cannot read "${TARGET}": no such argument`],
  [[TARGET, "--sctp"], "Cannot read --sctp: pinhole doctor has no such flag"],
  [[TARGET, "-4", "-6"], "Cannot examine: -4 and -6 exclude each other"],
  [
    [TARGET, "--json", "--prometheus"],
    "Cannot examine: --json and --prometheus exclude each other",
  ],
  [[TARGET, "--hold=-1"], "Cannot read --hold: got -1, wanted seconds 0 to 86400"],
  [[TARGET, "--hold=soon"], "Cannot read --hold: got soon, wanted seconds 0 to 86400"],
  [[TARGET, "--timeout=0"], "Cannot read --timeout: got 0, wanted seconds up to 86400"],
  [[TARGET, "--requests=1.5"], "Cannot read --requests: got 1.5, wanted a number 1 to 1000"],
  [
    [TARGET, "--requests=1001"],
    "Cannot read --requests: got 1001, wanted a number 1 to 1000",
  ],
  [[TARGET, "--tls=0"], "Cannot read --tls: got 0, wanted a port 1 to 65535"],
  ...["--udp", "--tcp", "--tls=5349"].map((flag) =>
    [
      ["stuns:127.0.0.1", flag],
      `Cannot use ${flag.split("=")[0]} with a stuns: URI: it means TLS alone`,
    ] as const
  ),
];
for (const [args, problem] of USAGE) {
  Deno.test(`pinhole doctor ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await doctor(...args), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

Deno.test("pinhole doctor prints its help and every flag in it", async () => {
  const { code, stdout, stderr } = await doctor("--help");
  assertEquals([code, stderr], [0, ""]);
  for (const { name, short, value } of DOCTOR.flags) {
    const left = [short === undefined ? "" : `${short}, `, `--${name}`, value && ` ${value}`];
    assertMatch(stdout, new RegExp(`^  ${left.join("")}\\s`, "m"));
  }
  assertMatch(stdout, /^Example: pinhole doctor stun:stun\.example\.org --hold 120$/m);
});

/** Answers every request with a success that says nothing, until the server is closed. */
async function answerWithNothing(server: ScriptedUdpServer): Promise<void> {
  for (;;) {
    try {
      const received = await server.receive();
      const { request } = received;
      if (request.class === "request") await server.send(answerTo(request, []), received);
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
        return;
      }
      // Bytes that are no message
      if (!(error instanceof TypeError)) throw error;
    }
  }
}

/** Starts a server; its URI. */
function start(server: StunServer): string {
  return `stun:${formatSocketAddress(server.start()[0]!.address)}`;
}

function doctor(...args: readonly string[]): Promise<RunResult> {
  return pinhole(PERMISSIONS, ["doctor", ...args]);
}

async function pinhole(flags: readonly string[], args: readonly string[]): Promise<RunResult> {
  await using child = deno([
    ...["run", "--no-prompt", ...flags, `${ROOT}lib/cli/pinhole.ts`, ...args],
  ]);
  return await child.result(60_000);
}
