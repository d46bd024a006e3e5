import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { findReach, REACH } from "../../lib/cli/reach_command.ts";
import { StunServer, type StunServerOptions } from "../../lib/server/mod.ts";
import type { StreamConnection } from "../../lib/transport/mod.ts";
import { PublicListenerError } from "../../lib/traversal/mod.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno, type RunResult } from "../support/process.ts";
import {
  dialBackConnected,
  dialBackTimedOut,
  FakePublicTcpListener,
} from "./fake_public_listener.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];
const PLAIN: StunServerOptions = { hostnames: ["127.0.0.1"], port: 0 };
const PAIR: StunServerOptions = { ...PLAIN, alternateHostnames: ["127.0.0.2"] };

Deno.test("findReach() has the listener dialled back from port and address, and closes it", async () => {
  const listener = new FakePublicTcpListener<StreamConnection>();
  const told: string[] = [];
  const finding = await findReach(() => Promise.resolve(listener), () => void told.push("address"));
  assertEquals([listener.dialBacks, listener.closed, told], [[false, true], true, ["address"]]);
  assertEquals(finding, {
    public: listener.publicAddress,
    local: listener.localAddress,
    reachable: true,
    reason: "a connection came in from 198.51.100.1:50001, never contacted before",
    dialBacks: [dialBackConnected(false), dialBackConnected(true)],
  });
});

Deno.test("findReach() does not ask a server again that does not know DIAL-BACK, or is silent", async () => {
  for (const outcome of ["unknown", "unanswered"] as const) {
    const listener = new FakePublicTcpListener<StreamConnection>();
    listener.answer = (changeAddress) => ({ ...dialBackTimedOut(changeAddress), outcome });
    const { reachable, dialBacks } = await findReach(() => Promise.resolve(listener));
    assertEquals([reachable, dialBacks.map(({ outcome }) => outcome)], [null, [outcome]]);
  }
});

Deno.test("findReach() says that an address is of no use which each destination sees another", async () => {
  const message = "Cannot get a public address: each destination sees another";
  const error = new PublicListenerError(message, { code: "mapping-depends" });
  assertEquals(await findReach(() => Promise.reject(error)), {
    public: undefined,
    local: undefined,
    dialBacks: [],
    reachable: false,
    reason: message,
  });
});

Deno.test("findReach() hands other failures on, and closes the listener", async () => {
  const error = new PublicListenerError("Cannot: lost", { code: "lost" });
  const listener = new FakePublicTcpListener<StreamConnection>();
  listener.answer = () => Promise.reject(error);
  await assertRejects(() => findReach(() => Promise.resolve(listener)), PublicListenerError);
  assertEquals(listener.closed, true);
});

Deno.test("pinhole reach proves with a server of two addresses that the world can connect", async () => {
  await using server = new StunServer(PAIR);
  const { code, stdout, stderr } = await reach(start(server));
  assertEquals([code, stderr], [0, ""]);
  const text = stdout.replaceAll(/:\d{4,5}\b/g, ":PORT").replaceAll(/\(\d+ ms\)/g, "(TIME ms)");
  assertEquals(
    text,
    `\
Public address  127.0.0.1:PORT
Local address   127.0.0.1:PORT
Dial-back       from another port of the server, 127.0.0.1:PORT: connected (TIME ms)
                from another address of the server, 127.0.0.2:PORT: connected (TIME ms)
Reachable       yes: a connection came in from 127.0.0.2:PORT, never contacted before
`,
  );
});

Deno.test("pinhole reach cannot tell with a server of one address, and ends with 3", async () => {
  await using server = new StunServer(PLAIN);
  const { code, stdout } = await reach(start(server));
  assertEquals(code, 3);
  assertMatch(
    stdout,
    /^Reachable {7}cannot be told: a connection came in from 127\.0\.0\.1:\d+, but the server has no other address to try from$/m,
  );
});

Deno.test("pinhole reach --port --json tests this port, and prints one object", async () => {
  await using server = new StunServer(PAIR);
  const port = freePort("127.0.0.1");
  const { code, stdout, stderr } = await reach(start(server), "--port", `${port}`, "--json");
  assertEquals([code, stderr, stdout.split("\n").length], [0, "", 2]);
  const { reason, dialBack, ...rest } = JSON.parse(stdout);
  const address = `127.0.0.1:${port}`;
  assertEquals(rest, { public: address, local: address, reachable: true });
  assertMatch(reason, /^a connection came in from 127\.0\.0\.2:\d+, never contacted before$/);
  assertEquals(
    dialBack.map((one: Record<string, unknown>) => [one.changeAddress, one.outcome]),
    [[false, "connected"], [true, "connected"]],
  );
  for (const one of dialBack) {
    assertEquals(Object.keys(one), ["from", "outcome", "elapsedMs", "server", "changeAddress"]);
  }
});

Deno.test("pinhole reach ends with 4 where no server answers", async () => {
  const uri = `stun:127.0.0.1:${freePort("127.0.0.1")}`;
  const { code, stdout, stderr } = await reach(uri, "--timeout", "5");
  assertEquals([code, stdout], [4, ""]);
  assertMatch(stderr, /^error: Cannot [^\n]+\n$/);
  const asJson = await reach(uri, "--timeout", "5", "--json");
  const { servers, error } = JSON.parse(asJson.stdout);
  assertEquals([asJson.code, asJson.stderr, servers], [4, "", [uri]]);
  assertEquals(error.code, "no-server");
});

Deno.test("pinhole reach ends with 4 where its port is in use", async () => {
  await using server = new StunServer(PLAIN);
  using other = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const { port } = other.addr as Deno.NetAddr;
  const { code, stdout } = await reach(start(server), "--port", `${port}`, "--json");
  assertEquals([code, JSON.parse(stdout).error.code], [4, "port-in-use"]);
});

const TARGET = "stun:127.0.0.1:3478";
const USAGE: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot test: wanted a server, stun:HOST[:PORT]"],
  [["stun.example.org"], 'Cannot read "stun.example.org": wanted it to start with stun: or stuns:'],
  [["stuns:stun.example.org"], "Cannot test with stuns:stun.example.org: wanted stun:"],
  [[TARGET, "-4", "-6"], "Cannot test: -4 and -6 exclude each other"],
  [[TARGET, "--udp"], "Cannot read --udp: pinhole reach has no such flag"],
  ...["0", "65536", "80.5", "http"].map((port) =>
    [
      [TARGET, `--port=${port}`],
      `Cannot read --port: got ${port}, wanted a port of 1 to 65535`,
    ] as const
  ),
  ...["0", "-1", "3601", "soon"].map((value) =>
    [
      [TARGET, `--timeout=${value}`],
      `Cannot read --timeout: got ${value}, wanted seconds up to 3600`,
    ] as const
  ),
];
for (const [args, problem] of USAGE) {
  Deno.test(`pinhole reach ${args.join(" ")} is wrong usage`, async () => {
    assertEquals(await reach(...args), {
      code: 2,
      stdout: "",
      stderr: `error: ${problem}\nRun with --help to see what there is.\n`,
    });
  });
}

Deno.test("pinhole reach prints its help and every flag in it", async () => {
  const { code, stdout, stderr } = await reach("--help");
  assertEquals([code, stderr], [0, ""]);
  for (const { name, short, value } of REACH.flags) {
    const left = [short === undefined ? "" : `${short}, `, `--${name}`, value && ` ${value}`];
    assertMatch(stdout, new RegExp(`^  ${left.join("")}\\s`, "m"));
  }
  assertMatch(stdout, /^Exit codes: 0 reachable, 1 not reachable, 3 cannot be told, 4 /m);
});

/** Starts a server; its URI. */
function start(server: StunServer): string {
  const tcp = server.start().find(({ transport }) => transport === "tcp")!;
  return `stun:${tcp.address.ip.join(".")}:${tcp.address.port}`;
}

async function reach(...args: readonly string[]): Promise<RunResult> {
  await using child = deno([
    ...["run", "--no-prompt", ...PERMISSIONS, `${ROOT}lib/cli/pinhole.ts`, "reach", ...args],
  ]);
  return await child.result(30_000);
}
