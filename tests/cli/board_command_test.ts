import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { boardEventJson, boardEventText } from "../../lib/cli/board_event_text.ts";
import { BoardClient, type BoardClientEvent } from "../../lib/board/client/mod.ts";
import { BOARD_LIMITS } from "../../lib/protocol/board/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { BoardEvents } from "../board/board_peer_client.ts";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { type Child, deno, type RunResult } from "../support/process.ts";
import { ServingProcess } from "./serving_process.ts";

const URL = "ws://127.0.0.1:1/board/room";

Deno.test("pinhole board --help tells flags, an example and exit codes", async () => {
  const { code, stdout, stderr } = await board("--help");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Usage: pinhole board wss:\/\/HOST\/board\/ROOM \[flags\]\n/);
  assertStringIncludes(stdout, "\nExample: pinhole board wss://stun.example.org/board/our-room ");
  assertStringIncludes(
    stdout,
    "\nExit codes: 0 done, 3 the board refused, 4 it cannot be reached, 2",
  );
});

const WRONG: readonly (readonly [args: readonly string[], problem: string])[] = [
  [[], "Cannot show a board: wanted wss://HOST/board/ROOM"],
  [
    ["https://h/board/room"],
    "Cannot use the board https://h/board/room: wanted ws:// or wss:// and",
  ],
  [["ws://h/room"], "Cannot use the board ws://h/room: Cannot read the name of the room"],
  [[URL, "more"], 'Cannot read "more": no such argument'],
  [[URL, "--timeout", "0"], "Cannot read --timeout: got 0, wanted seconds up to 86400"],
  [[URL, "--data", "x"], "Cannot use --data: it goes with --post"],
  [[URL, "--post", "a b"], "Cannot read --post: got a b, wanted 1 to 32 letters"],
  [[URL, "--post", "a", "--list"], "Cannot use --list with --post: wanted one of them"],
  [[URL, "--post", "a", "--candidate", "udp:1.2.3.4"], "Cannot read --candidate: got udp:1.2.3.4"],
  [[URL, "--post", "a", "--lifetime", "7200"], "Cannot read --lifetime: wanted 1 to 3600"],
  [[URL, "--post", "a", "--data", "x".repeat(1025)], "Cannot read --data: wanted 1024 characters"],
  [[URL, "--secret", "a", "--secret-file", "b"], "Cannot use --secret with --secret-file"],
  [[URL, "--secret-file", "b"], "Cannot read b: pass --allow-read=b"],
  [[URL, "--secret", "x".repeat(129)], "Cannot use the secret: it has 129 characters"],
];
for (const [args, problem] of WRONG) {
  Deno.test(`pinhole board ${args.join(" ").slice(0, 60)} is wrong usage`, async () => {
    const { code, stdout, stderr } = await board(...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, `error: ${problem}`);
  });
}

Deno.test("pinhole board says that a board cannot be reached, and stops with 4", async () => {
  const url = `ws://127.0.0.1:${freePort()}/board/room`;
  assertEquals(await board(url, "--list"), {
    code: 4,
    stdout: "",
    stderr: `error: Cannot reach the board ${url}\n`,
  });
  const { code, stdout } = await board(url, "--json");
  assertEquals([code, JSON.parse(stdout)], [4, {
    event: "failed",
    error: { code: "unreachable", message: `Cannot reach the board ${url}` },
  }]);
});

Deno.test("pinhole board says that the secret is wrong, and stops with 3", async () => {
  await using room = await Room.open();
  const { code, stdout, stderr } = await board(room.url, "--secret", "wrong");
  assertEquals([code, stderr], [3, "error: Cannot stay on the board: " + WRONG_SECRET + "\n"]);
  assertStringIncludes(stdout, "(wrong_secret)");
});

Deno.test("pinhole board --list shows what is posted, and stops", async () => {
  await using room = await Room.open();
  const first = await board(room.url, "--secret", "s", "--list");
  assertEquals(first, { code: 0, stdout: "nothing is posted\n", stderr: "" });
  await room.post();
  const text = await board(room.url, "--secret", "s", "--list");
  assertMatch(
    text.stdout,
    /^\+ \S{16} me udp 192\.0\.2\.1:7 "hello", (600|599) s left\n$/,
  );
  const { stdout } = await board(room.url, "--secret", "s", "--list", "--json");
  const { event, posts } = JSON.parse(stdout);
  assertEquals([event, posts[0].id, posts[0].data], ["board", "me", "hello"]);
});

Deno.test("pinhole board --post posts for as long as it runs, and shows what happens", async () => {
  await using room = await Room.open();
  await using child = start(
    ...[room.url, "--secret", "s", "--json", "--post", "cli", "--data", "from the terminal"],
    ...["--candidate", "udp:192.0.2.2:7", "--candidate", "tcp:[2001:db8::2]:7"],
  );
  const { post } = await room.events.next("posted");
  assertEquals([post.id, post.data, post.candidates.map((one) => one.address)], [
    "cli",
    "from the terminal",
    ["192.0.2.2:7", "[2001:db8::2]:7"],
  ]);
  await child.line(/"event":"posted"/);
  child.kill("SIGINT");
  const { code, stdout } = await child.result(10_000);
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line).event);
  assertEquals([code, events], [0, ["welcome", "board", "posted"]]);
  await room.events.next("removed");
});

Deno.test("pinhole board stops by itself after --timeout", async () => {
  await using room = await Room.open();
  const { code, stdout } = await board(room.url, "--secret", "s", "--timeout", "0.5");
  assertEquals(code, 0);
  assertMatch(stdout, /^in room as \S{16}, seen as 127\.0\.0\.1\nnothing is posted\n$/);
});

const PEER = "abcdefghijklmnop";
const EVENTS: readonly (readonly [BoardClientEvent, string[]])[] = [
  [
    { type: "welcome", peer: PEER, room: "r", ip: "192.0.2.7", stun: [], limits: BOARD_LIMITS },
    [`in r as ${PEER}, seen as 192.0.2.7`],
  ],
  [
    {
      type: "posted",
      post: {
        peer: PEER,
        id: "me",
        candidates: [{ address: "192.0.2.1:7", transport: "udp", proved: true }],
        data: "\x1b[2J\u202e",
        expiresInMs: 1499,
      },
    },
    [`+ ${PEER} me udp 192.0.2.1:7 (proved) "\\u001b[2J\\u{202e}", 1 s left`],
  ],
  [{ type: "removed", peer: PEER, id: "me" }, [`- ${PEER} me removed`]],
  [{ type: "expired", peer: PEER, id: "me" }, [`- ${PEER} me expired`]],
  [{ type: "signal", from: PEER, data: "a\nb" }, [`> ${PEER} says "a\\nb"`]],
  [{ type: "sync", with: PEER, delayMs: 201.7 }, [`! start with ${PEER} in 202 ms`]],
  [{ type: "error", code: "room_full", message: "m" }, ['error: "m" (room_full)']],
  [{ type: "disconnected", code: 1006, retryInMs: 7 }, [
    "disconnected (1006), next attempt in 7 ms",
  ]],
];
for (const [event, lines] of EVENTS) {
  Deno.test(`boardEventText() and boardEventJson() show ${event.type}`, () => {
    assertEquals(boardEventText(event), lines);
    const { event: name, ...rest } = boardEventJson(event);
    const { type, ...fields } = event;
    assertEquals([name, rest], [type, event.type === "posted" ? { ...event.post } : fields]);
  });
}

const WRONG_SECRET = "the room has another secret, or one at all; the connection ends";

function start(...args: readonly string[]): Child {
  return deno(["run", "--no-prompt", "--allow-net", `${ROOT}lib/cli/pinhole.ts`, "board", ...args]);
}

async function board(...args: readonly string[]): Promise<RunResult> {
  await using child = start(...args);
  return await child.result(20_000);
}

/** A server with a peer in a room whose secret is `s`. */
class Room implements AsyncDisposable {
  readonly url: string;
  readonly events: BoardEvents;
  readonly #server: ServingProcess;

  private constructor(server: ServingProcess, url: string) {
    this.#server = server;
    this.url = url;
    this.events = new BoardEvents(new BoardClient(url, { secret: "s" }));
  }

  static async open(): Promise<Room> {
    const server = await ServingProcess.start({ args: ["--http-port", "0"] });
    const url = `ws://${formatSocketAddress(server.address("http"))}/board/room`;
    const room = new Room(server, url);
    await room.events.next("board");
    return room;
  }

  async post(): Promise<void> {
    this.events.client.post({
      id: "me",
      candidates: [{ address: "192.0.2.1:7", transport: "udp" }],
      data: "hello",
      lifetimeMs: 600_000,
    });
    await this.events.next("posted");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.events.client.close();
    await this.#server[Symbol.asyncDispose]();
  }
}
