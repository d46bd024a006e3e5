// `pinhole punch` as people run it: two processes, codes copied from the one to the other.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodePunchCode } from "../../lib/protocol/punch/mod.ts";
import { StunServer } from "../../lib/server/mod.ts";
import { connectTcp, listenTcp, openDenoDatagram } from "../../lib/transport/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { otherDescription } from "../protocol/punch/punch_description_cases.ts";
import { simAddress } from "../sim/mod.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno, run } from "../support/process.ts";

const PERMISSIONS = ["--allow-net", "--allow-sys=networkInterfaces"];
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const TEXT = new TextEncoder();

for (const transport of ["udp", "tcp"] as const) {
  Deno.test(`pinhole punch joins both sides' standard streams over ${transport}`, async () => {
    await using pair = await startPair([`--${transport}`], [`--${transport}`]);
    const [one, two] = pair.sides;
    // What follows the code in the same write is for the other side already
    await one.write(`${await codeOf(two)}\nfrom one\n`);
    await two.write(`${await codeOf(one)}\n`);
    await two.line(/^from one$/);
    await two.write("from two\n");
    await one.line(/^from two$/);
    for (const side of pair.sides) await side.endInput();
    for (const side of pair.sides) {
      const { code, stdout, stderr } = await side.result(10_000);
      assertEquals([code, stdout], [0, side === one ? "from two\n" : "from one\n"]);
      assertMatch(
        stderr,
        new RegExp(`^connected over ${transport.toUpperCase()}: 127\\.0\\.0\\.1:\\d+ to `, "m"),
      );
      assertMatch(stderr, /\nfinished: both sides have said all that they had to say\n$/);
    }
  });

  Deno.test(`pinhole punch --json tells each step over ${transport}, on standard error`, async () => {
    await using pair = await startPair([`--${transport}`, "--json"], [`--${transport}`, "--json"]);
    await pair.exchange();
    for (const side of pair.sides) await side.endInput();
    for (const side of pair.sides) {
      const { stdout, stderr } = await side.result(10_000);
      assertEquals(stdout, "");
      const events = stderr.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(events.map(({ event }) => event), ["code", "punching", "connected", "closed"]);
      const [, punching, connected, closed] = events;
      assertEquals(connected.remote, punching.candidates[0].address);
      assertEquals(connected.transport, transport);
      assertEquals(closed.outcome, "finished");
      const rtt = transport === "udp" ? ["rttMs"] : [];
      assertEquals(Object.keys(connected), [
        ...["event", "time", "transport", "local", "remote", "elapsedMs"],
        ...rtt,
      ]);
    }
  });
}

Deno.test("pinhole punch --forward and --to join a port to a service over tcp", async () => {
  const service = listenTcp({ ip: LOOPBACK, port: 0 });
  const port = freePort();
  await using pair = await startPair(
    ["--forward", `${port}`, "--json"],
    ["--to", formatSocketAddress(service.localAddress), "--json"],
  );
  await pair.exchange("stdout");
  const served = await service.accept();
  service.close();
  await pair.sides[0].line(/"event":"forwarding","time":"[^"]*","what":"127\.0\.0\.1:\d+ to /);
  const program = await connectTcp({ ip: LOOPBACK, port });
  await program.write(TEXT.encode("question"));
  assertEquals(text(await served!.read()), "question");
  await served!.write(TEXT.encode("answer"));
  await served!.closeWrite();
  assertEquals(text(await program.read()), "answer");
  assertEquals(await program.read(), undefined);
  // Half of it lives on
  await program.write(TEXT.encode("thanks"));
  assertEquals(text(await served!.read()), "thanks");
  program.close();
  served!.close();
  for (const side of pair.sides) {
    const { code, stdout, stderr } = await side.result(10_000);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /"event":"closed","time":"[^"]*","outcome":"finished"/);
  }
});

Deno.test("pinhole punch --forward and --to join a port to a service over udp", async () => {
  const service = openDenoDatagram({ ip: LOOPBACK, port: 0 });
  const port = freePort();
  await using pair = await startPair(
    ["--udp", "--forward", `${port}`],
    ["--udp", "--to", formatSocketAddress(service.localAddress)],
  );
  await pair.exchange();
  const program = openDenoDatagram({ ip: LOOPBACK, port: 0 });
  for (const what of ["one", "", "three"]) {
    await program.send([{ bytes: TEXT.encode(what), peer: { ip: LOOPBACK, port } }]);
    const [asked] = await service.receive();
    assertEquals(text(asked!.bytes), what);
    await service.send([{ bytes: TEXT.encode(`${what}!`), peer: asked!.peer }]);
    const [answered] = await program.receive();
    assertEquals(text(answered!.bytes), `${what}!`);
  }
  program.close();
  service.close();
  for (const side of pair.sides) {
    const { code, stderr } = await side.stop("SIGINT");
    assertEquals(code, 0);
    assertMatch(stderr, /\naborted: this side was stopped\n$/);
  }
});

Deno.test("pinhole punch says why a pasted line is no code, and waits for another", async () => {
  await using pair = await startPair(["--udp"], ["--udp"]);
  const [one, two] = pair.sides;
  const code = await codeOf(two);
  await one.write("hello\n\n");
  await one.line(/^Cannot read the code: it does not begin with pin1 as a code does$/, ERR);
  await one.write(`${code.slice(0, -10)}\n`);
  await one.line(/^Cannot read the code: it was cut off$/, ERR);
  await one.write(`  ${code}\r\n`);
  await one.line(/^punching to 127\.0\.0\.1:\d+$/, ERR);
});

for (
  const [what, codeFor, reason] of [
    [
      "its own code",
      (own: string) => own,
      "Cannot punch: both sides have the same tie breaker; is it this side's own description?",
    ],
    [
      "a code of the other transport",
      () => encodePunchCode(otherDescription({ transport: "tcp" })),
      "Cannot punch: this side wants UDP, the other TCP",
    ],
    [
      "the code of somebody who is not there",
      () =>
        encodePunchCode(otherDescription({
          candidates: [{ kind: "host", address: simAddress(`127.0.0.1:${freePort()}`) }],
        })),
      "Cannot punch over UDP: nothing was heard from the other side",
    ],
  ] as const
) {
  Deno.test(`pinhole punch ends with 4 and the reason if it is given ${what}`, async () => {
    await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
    await using child = punch(uriOf(server), ["--udp", "--timeout", "0.3"]);
    await child.write(`${codeFor(await codeOf(child))}\n`);
    const { code, stderr } = await child.result(10_000);
    assertEquals(code, 4);
    assert(stderr.endsWith(`\nerror: ${reason}\n`), stderr);
  });
}

Deno.test("pinhole punch ends with 4 if standard input ends before there is a code", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  await using child = punch(uriOf(server), ["--udp", "--json"]);
  await child.endInput();
  const { code, stderr } = await child.result(10_000);
  assertEquals(code, 4);
  assertMatch(stderr, /"reason":"Cannot punch: standard input ended before the other side's code"/);
});

Deno.test("pinhole punch ends with 4 at Ctrl-C before there is a path", async () => {
  await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  await using child = punch(uriOf(server), ["--udp"]);
  await codeOf(child);
  const { code, stderr } = await child.stop("SIGINT");
  assertEquals(code, 4);
  assertMatch(stderr, /\nerror: Cannot punch over UDP: it was given up\n$/);
});

Deno.test("pinhole punch says before the codes that the port of --forward is taken", async () => {
  const taken = listenTcp({ ip: LOOPBACK, port: 0 });
  const { port } = taken.localAddress;
  const args = ["punch", "--server", "stun:127.0.0.1:9", "--forward", `${port}`];
  const { code, stdout, stderr } = await pinhole(args);
  taken.close();
  assertEquals([code, stdout], [4, ""]);
  assertMatch(stderr, /^error: Cannot listen on tcp 127\.0\.0\.1:\d+: /);
});

for (
  const [args, problem] of [
    [[], "Cannot punch: wanted --server stun:HOST[:PORT] or --board wss://HOST"],
    [["--server", "stuns:host"], "Cannot punch through stuns:host: wanted stun:"],
    [["--server", "host"], 'Cannot read "host": wanted it to start with stun: or stuns:'],
    [["--udp", "--tcp"], "Cannot punch: --udp and --tcp exclude each other"],
    [["-4", "-6"], "Cannot punch: --ipv4 and --ipv6 exclude each other"],
    [["--forward", "1", "--to", "2"], "Cannot punch: --forward and --to exclude each other"],
    [["--forward", "0"], "Cannot read --forward: got 0, wanted a port of 1 to 65535"],
    [["--to", "nowhere"], 'Cannot read "nowhere": wanted HOST:PORT or PORT'],
    [["--timeout", "0"], "Cannot read --timeout: got 0, wanted seconds up to 3600"],
    [["--local-port", "x"], "Cannot read --local-port: got x, wanted a port of 1 to 65535"],
    [["--board", "x"], "Cannot use the board x: wanted wss://HOST[:PORT] or ws://HOST[:PORT]"],
    [["--board", "ws://host"], "Cannot use the board ws://host: wanted --room NAME"],
    [["--room", "x"], "Cannot use --room: it goes with --board"],
    [["--secret", "x"], "Cannot use --secret: it goes with --board"],
    [
      ["--board", "ws://host/board/x", "--secret", "x".repeat(129)],
      "Cannot use the secret: wanted 1 to 128 characters",
    ],
    [
      ["--board", "ws://host/board/x", "--secret", "x", "--secret-file", "y"],
      "Cannot use --secret with --secret-file: wanted one of them",
    ],
    [["--bord", "x"], "Cannot read --bord: pinhole punch has no such flag"],
  ] as const
) {
  Deno.test(`pinhole punch ${args.join(" ")} is wrong usage`, async () => {
    const server = args.includes("--server" as never) || args.length === 0
      ? []
      : ["--server", "stun:127.0.0.1:9"];
    const { code, stdout, stderr } = await pinhole(["punch", ...server, ...args]);
    assertEquals([code, stdout], [2, ""]);
    assertEquals(stderr.split("\n")[0], `error: ${problem}`);
  });
}

Deno.test("pinhole punch --help says that nothing is encrypted, and what to do about it", async () => {
  const { code, stdout } = await pinhole(["punch", "--help"]);
  assertEquals(code, 0);
  assertMatch(stdout, /Nothing is encrypted\..*\n.*Put SSH or TLS on top/);
});

const ERR = { stream: "stderr" } as const;

/** Two sides, and the server that both ask. */
interface Pair extends AsyncDisposable {
  readonly sides: readonly [Child, Child];
  /** Gives each the other's code, and waits until they are connected. */
  exchange(stream?: "stdout" | "stderr"): Promise<void>;
}

function startPair(one: readonly string[], two: readonly string[]): Promise<Pair> {
  const server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
  const uri = uriOf(server);
  const sides = [punch(uri, one), punch(uri, two)] as const;
  return Promise.resolve({
    sides,
    async exchange(stream: "stdout" | "stderr" = "stderr") {
      const codes = await Promise.all(sides.map((side) => codeOf(side, stream)));
      await sides[0].write(`${codes[1]}\n`);
      await sides[1].write(`${codes[0]}\n`);
      await Promise.all(sides.map((side) => side.line(/connected/, { stream })));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sides.map((side) => side[Symbol.asyncDispose]()));
      await server.close();
    },
  });
}

function punch(uri: string, args: readonly string[]): Child {
  const program = ["run", "--no-prompt", ...PERMISSIONS, `${ROOT}lib/cli/pinhole.ts`];
  return deno([...program, "punch", "--server", uri, ...args], { stdin: "piped" });
}

async function pinhole(args: readonly string[]) {
  return await run(Deno.execPath(), [
    ...["run", "--no-prompt", ...PERMISSIONS, `${ROOT}lib/cli/pinhole.ts`],
    ...args,
  ], { env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" } });
}

async function codeOf(side: Child, stream: "stdout" | "stderr" = "stderr"): Promise<string> {
  const [code] = await side.line(/pin1[\w-]+/, { stream });
  return code;
}

function uriOf(server: StunServer): string {
  return `stun:${formatSocketAddress(server.start()[0]!.address)}`;
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
