// `pinhole punch --board` as people run it: two processes that know the name of a room.

import { assertEquals, assertMatch } from "@std/assert";
import { connectTcp, listenTcp } from "../../lib/transport/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { freePort } from "../support/free_port.ts";
import { PinholeServer, ROOT } from "../support/pinhole_server.ts";
import { type Child, deno } from "../support/process.ts";

for (
  const [flags, transport] of [[[], "tcp"], [["--udp"], "udp"], [["--tcp"], "tcp"]] as const
) {
  Deno.test(`pinhole ${["punch --board", ...flags].join(" ")} joins both sides' streams over ${transport}`, async () => {
    await using board = await Board.start();
    await using one = punch(board.url, ["--room", "r", ...flags]);
    await using two = punch(board.url, ["--room", "r", ...flags]);
    for (const [side, text] of [[one, "from one\n"], [two, "from two\n"]] as const) {
      await side.write(text);
      await side.endInput();
    }
    for (const [side, text] of [[one, "from two\n"], [two, "from one\n"]] as const) {
      const { code, stdout, stderr } = await side.result(20_000);
      assertEquals([code, stdout], [0, text]);
      assertMatch(stderr, /^in room r, asking stun:127\.0\.0\.1:\d+\n/);
      assertMatch(stderr, new RegExp(`\npunching over ${transport.toUpperCase()} to 127\\.0\\.`));
      assertMatch(stderr, new RegExp(`\nconnected over ${transport.toUpperCase()}: 127\\.0\\.`));
      assertMatch(stderr, /\nfinished: both sides have said all that they had to say\n$/);
    }
  });
}

Deno.test("pinhole punch --board --json tells each step, and names the other side", async () => {
  await using board = await Board.start();
  const args = ["--room", "r", "--secret", "s", "--json"];
  await using one = punch(board.url, args);
  await one.line(/"event":"waiting"/, ERR);
  await using two = punch(board.url, args);
  const both = await Promise.all([one, two].map(async (side) => {
    await side.endInput();
    const { code, stderr } = await side.result(20_000);
    assertEquals(code, 0);
    return stderr.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ event }) => event !== "waiting");
  }));
  for (const [i, events] of both.entries()) {
    assertEquals(events.map(({ event }) => event), [
      ...["room", "peer", "punching", "connected", "closed"],
    ]);
    const [room, peer, punching, connected] = events;
    assertEquals([room.room, room.servers], ["r", [board.stun]]);
    assertEquals(peer.peer, both[1 - i]![0].peer);
    assertEquals([punching.transport, punching.prediction], ["tcp", "yes"]);
    assertEquals(connected.remote, punching.candidates[0].address);
  }
});

Deno.test("pinhole punch --board --forward and --to join a port to a service", async () => {
  await using board = await Board.start();
  const service = listenTcp({ ip: LOOPBACK, port: 0 });
  const port = freePort();
  const target = formatSocketAddress(service.localAddress);
  await using one = punch(board.url, ["--room", "r", "--forward", `${port}`]);
  await using two = punch(board.url, ["--room", "r", "--to", target]);
  await Promise.all([one, two].map((side) => side.line(/^forwarding /, LONG)));
  const served = (await service.accept())!;
  service.close();
  const program = await connectTcp({ ip: LOOPBACK, port });
  await program.write(Uint8Array.of(7));
  assertEquals((await served.read())?.slice(), Uint8Array.of(7));
  program.close();
  served.close();
  for (const side of [one, two]) assertEquals((await side.result(20_000)).code, 0);
});

Deno.test("pinhole punch --board asks the servers that it is given in place of the board's", async () => {
  await using board = await Board.start();
  await using other = await PinholeServer.start();
  const stun = `stun:${other.target("udp").address}`;
  await using side = punch(board.url, ["--room", "r", "--udp", "--server", stun]);
  await side.line(new RegExp(`^in room r, asking ${stun.replaceAll(".", "\\.")}$`), ERR);
});

Deno.test("pinhole punch --board leaves a third one waiting, until there is a fourth", async () => {
  await using board = await Board.start();
  const args = ["--room", "r", "--udp"];
  await using one = punch(board.url, args);
  await using two = punch(board.url, args);
  await Promise.all([one, two].map((side) => side.line(/^connected/, LONG)));
  await using three = punch(board.url, args);
  await three.line(/^waiting for the other side$/, LONG);
  await using four = punch(board.url, args);
  await Promise.all([three, four].map((side) => side.line(/^connected/, LONG)));
});

Deno.test("pinhole punch --board says that those in the room want another transport", async () => {
  await using board = await Board.start();
  await using one = punch(board.url, ["--room", "r", "--udp"]);
  await one.line(/^waiting/, LONG);
  await using two = punch(board.url, ["--room", "r", "--tcp"]);
  const said = /^waiting for the other side; 1 there cannot be met over this transport and family$/;
  await Promise.all([one, two].map((side) => side.line(said, LONG)));
});

Deno.test("pinhole punch --board ends with 4 if the secret is another one", async () => {
  await using board = await Board.start();
  await using one = punch(board.url, ["--room", "r", "--secret", "s", "--udp"]);
  await one.line(/^waiting/, LONG);
  await using two = punch(board.url, ["--room", "r", "--secret", "t", "--udp", "--json"]);
  const { code, stderr } = await two.result(20_000);
  assertEquals(code, 4);
  const { event, code: kind, reason } = JSON.parse(stderr);
  assertEquals([event, kind], ["failed", "wrong_secret"]);
  assertMatch(reason, /^Cannot stay on the board: /);
});

Deno.test("pinhole punch --board ends with 4 if there is no board", async () => {
  await using side = punch(`ws://127.0.0.1:${freePort()}`, ["--room", "r"]);
  const { code, stderr } = await side.result(20_000);
  assertEquals([code, stderr], [4, "error: Cannot meet on the board: it cannot be reached\n"]);
});

Deno.test("pinhole punch --board meets on a board that was gone for a while", async () => {
  const port = freePort();
  const args = ["--room", "r", "--udp"];
  let url: string;
  await using one = await (async () => {
    await using board = await Board.start(port);
    url = board.url;
    const side = punch(url, args);
    await side.line(/^waiting/, LONG);
    return side;
  })();
  await one.line(/^the board is lost, connecting again in /, LONG);
  await using _ = await Board.start(port);
  await using two = punch(url!, args);
  await Promise.all([one, two].map((side) => side.line(/^connected/, LONG)));
});

Deno.test("pinhole punch --board ends with 4 at Ctrl-C while it waits", async () => {
  await using board = await Board.start();
  await using side = punch(board.url, ["--room", "r"]);
  await side.line(/^waiting/, LONG);
  const { code, stderr } = await side.stop("SIGINT");
  assertEquals(code, 4);
  assertMatch(stderr, /\nerror: Cannot punch: it was given up\n$/);
});

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const ERR = { stream: "stderr" } as const;

// Two starts of Deno on a busy machine
const LONG = { ...ERR, timeoutMs: 30_000 } as const;

/** A server with a board. */
class Board implements AsyncDisposable {
  readonly url: string;
  readonly stun: string;
  readonly #server: PinholeServer;

  private constructor(server: PinholeServer, port: number) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${port}`;
    this.stun = `stun:${server.target("udp").address}`;
  }

  static async start(port = freePort()): Promise<Board> {
    const args = ["--http-hostname", "127.0.0.1", "--http-port", `${port}`];
    return new Board(await PinholeServer.start({ args }), port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

function punch(board: string, args: readonly string[]): Child {
  return deno([
    ...["run", "--no-prompt", "--allow-net", "--allow-sys=networkInterfaces"],
    ...[`${ROOT}lib/cli/pinhole.ts`, "punch", "--board", board, ...args],
  ], { stdin: "piped" });
}
