import { assertEquals } from "@std/assert";
import {
  BOARD_LIMITS,
  BOARD_PATIENCE,
  type BoardErrorCode,
  type BoardInput,
  type BoardOrder,
  BoardPeer,
  type BoardPost,
  type ClientMessage,
} from "../../../lib/protocol/board/mod.ts";
import { AddressTokenAuthority } from "../../../lib/protocol/mod.ts";
import { address } from "../binding_cases.ts";

const SELF = "self-self-self-0";
const OTHER = "other-other-othe";
const WALL = Date.UTC(2026, 0, 1);
const TOKENS = new AddressTokenAuthority({ secret: new Uint8Array(32), lifetimeMs: 600_000 });

Deno.test("BoardPeer is let in by the store, welcomed, shown the board and pinged", () => {
  const { peer, say } = start({ secret: undefined });
  assertEquals(say({ type: "join", secret: "s" }), [{ do: "join", secret: "s" }]);
  const posts = [post(OTHER, "x")];
  assertEquals(peer.joined(posts, 5), [
    {
      do: "send",
      message: {
        type: "welcome",
        peer: SELF,
        room: "r",
        ip: "192.0.2.7",
        stun: ["stun:192.0.2.1"],
        limits: BOARD_LIMITS,
      },
    },
    { do: "send", message: { type: "board", posts } },
    { do: "send", message: { type: "ping", id: "1" } },
  ]);
});

Deno.test("BoardPeer takes the secret from the subprotocol, unless join has one", () => {
  assertEquals(start({ secret: "a" }).say({ type: "join" }), [{ do: "join", secret: "a" }]);
  assertEquals(start({ secret: "a" }).say({ type: "join", secret: "b" }), [
    { do: "join", secret: "b" },
  ]);
  assertEquals(start({}).say({ type: "join" }), [{ do: "join", secret: undefined }]);
});

for (
  const [refusal, reason] of [
    ["wrong_secret", "wrong_secret"],
    ["room_full", "full"],
    ["too_many_rooms", "full"],
  ] as const
) {
  Deno.test(`BoardPeer says ${refusal} and closes when it is refused`, () => {
    const { peer, say } = start({});
    say({ type: "join" });
    const orders = peer.refused(refusal);
    assertEquals(short(orders), [`error ${refusal} join`, `close ${reason}`]);
    assertEquals([say({ type: "board" }), peer.nextWake], [[], Infinity]);
  });
}

Deno.test("BoardPeer closes who does not join within ten seconds", () => {
  const { peer } = start({});
  assertEquals([peer.nextWake, peer.wake(9999)], [10_000, []]);
  assertEquals(short(peer.wake(10_000)), ["error join_timeout", "close silent"]);
});

Deno.test("BoardPeer does nothing for who is not in, but for ping", () => {
  const { say } = start({});
  const early: ClientMessage[] = [
    { type: "post", id: "a", candidates: [], data: "", lifetimeMs: 1000 },
    { type: "remove", id: "a" },
    { type: "board" },
    { type: "signal", to: OTHER, data: "" },
    { type: "sync", with: OTHER },
  ];
  const told = early.map((message) => `error not_joined ${message.type}`);
  assertEquals(early.flatMap((message) => short(say(message))), told);
  assertEquals(say({ type: "ping", id: "x" }), [send({ type: "pong", id: "x" })]);
  say({ type: "join" });
  assertEquals(early.flatMap((message) => short(say(message))), told);
  assertEquals(short(say({ type: "join" })), ["error joined_already join"]);
});

Deno.test("BoardPeer turns messages into orders", () => {
  const { say } = joined();
  assertEquals(say({ type: "board" }), [{ do: "list" }]);
  assertEquals(say({ type: "signal", to: OTHER, data: "x" }), [
    { do: "tell", to: OTHER, event: { type: "signal", from: SELF, data: "x" } },
  ]);
  assertEquals(say({ type: "post", id: "a", candidates: [], data: "d", lifetimeMs: 5000 }), [
    { do: "put", post: { peer: SELF, id: "a", candidates: [], data: "d", expiresInMs: 5000 } },
  ]);
  assertEquals(say({ type: "remove", id: "a" }), [{ do: "remove", id: "a" }]);
  assertEquals(short(say({ type: "remove", id: "b" })), ["error no_such_post remove"]);
});

Deno.test("BoardPeer says of each candidate whether a token proves it", () => {
  const { say } = joined();
  const seen = address("192.0.2.7:7");
  const token = (transport: "udp" | "tcp" | "tls", at = WALL) =>
    TOKENS.issue(seen, transport, at).toBase64({ alphabet: "base64url", omitPadding: true });
  const claims = [
    ["192.0.2.7:7", "udp", token("udp"), true],
    ["192.0.2.7:7", "udp", undefined, false],
    ["192.0.2.7:8", "udp", token("udp"), false],
    ["192.0.2.7:7", "udp", token("tcp"), false],
    ["192.0.2.7:7", "tcp", token("tcp"), true],
    ["192.0.2.7:7", "tcp", token("tls"), true],
    ["192.0.2.7:7", "tcp", token("udp"), false],
    ["192.0.2.7:7", "udp", token("udp", WALL - 606_000), false],
  ] as const;
  const [order] = say({
    type: "post",
    id: "a",
    candidates: claims.map(([address, transport, token]) => ({ address, transport, token })),
    data: "",
    lifetimeMs: 5000,
  });
  assertEquals(
    order?.do === "put" && order.post.candidates,
    claims.map(([address, transport, , proved]) => ({ address, transport, proved })),
  );
});

Deno.test("BoardPeer proves nothing where there are no tokens, and writes addresses one way", () => {
  const { say } = joined({ tokens: undefined });
  const token = TOKENS.issue(address("192.0.2.7:7"), "udp", WALL)
    .toBase64({ alphabet: "base64url", omitPadding: true });
  const [order] = say({
    type: "post",
    id: "a",
    candidates: [
      { address: "192.0.2.7:7", transport: "udp", token },
      { address: "[2001:DB8:0::1]:7", transport: "tcp" },
    ],
    data: "",
    lifetimeMs: 5000,
  });
  assertEquals(order?.do === "put" && order.post.candidates, [
    { address: "192.0.2.7:7", transport: "udp", proved: false },
    { address: "[2001:db8::1]:7", transport: "tcp", proved: false },
  ]);
});

Deno.test("BoardPeer takes four posts, and another one when one of them is gone", () => {
  const { peer, say } = joined();
  const put = (id: string) =>
    short(say({ type: "post", id, candidates: [], data: "", lifetimeMs: 5000 }));
  assertEquals(["a", "b", "c", "d", "a", "e"].flatMap(put), [
    ...["put a", "put b", "put c", "put d", "put a"],
    "error too_many_posts post",
  ]);
  peer.deliver({ type: "removed", peer: OTHER, id: "a" }, 0);
  assertEquals(put("e"), ["error too_many_posts post"]);
  peer.deliver({ type: "expired", peer: SELF, id: "a" }, 0);
  assertEquals(put("e"), ["put e"]);
  peer.unavailable({ do: "put", post: post(SELF, "e") });
  assertEquals(put("f"), ["put f"]);
});

Deno.test("BoardPeer says what the store could not do", () => {
  const { peer } = joined();
  const tell = (type: "signal" | "sync-ask" | "sync-answer") => {
    const event = type === "signal"
      ? { type, from: SELF, data: "" }
      : { type, from: SELF, rttMs: 1, delayMs: 1, heldMs: 0 };
    return peer.missed({ do: "tell", to: OTHER, event });
  };
  assertEquals([tell("signal"), tell("sync-ask"), tell("sync-answer")].map(short), [
    ["error no_such_peer signal"],
    ["error no_such_peer sync"],
    [],
  ]);
  assertEquals(short(peer.unavailable({ do: "list" })), ["error store_unavailable board"]);
  const { peer: early } = start({});
  assertEquals(short(early.unavailable({ do: "join", secret: undefined })), [
    "error store_unavailable join",
    "close full",
  ]);
});

Deno.test("BoardPeer hands on what the store delivers, and nothing before it is in", () => {
  const event = { type: "posted", post: post(OTHER, "x") } as const;
  assertEquals(joined().peer.deliver(event, 0), [send(event)]);
  assertEquals(start({}).peer.deliver(event, 0), []);
});

Deno.test("BoardPeer refuses what is too much, and takes as much again as time gives", () => {
  const { say } = joined();
  const burst = BOARD_PATIENCE.messageBurst - 1;
  const ping = (now: number) => short(say({ type: "ping", id: "x" }, now)).join();
  // The join was the first
  assertEquals(Array.from({ length: burst }, () => ping(0)), Array(burst).fill("pong"));
  assertEquals([ping(0), ping(99), ping(100), ping(150)], [
    "error too_many_messages",
    "error too_many_messages",
    "pong",
    "error too_many_messages",
  ]);
});

Deno.test("BoardPeer takes less of what the whole room hears", () => {
  const { say } = joined();
  const post = (now: number) =>
    short(say({ type: "post", id: "a", candidates: [], data: "", lifetimeMs: 5000 }, now)).join();
  const { postBurst } = BOARD_PATIENCE;
  assertEquals(Array.from({ length: postBurst }, () => post(0)), Array(postBurst).fill("put a"));
  assertEquals([post(0), post(500), post(600)], [
    "error too_many_messages post",
    "put a",
    "error too_many_messages post",
  ]);
});

Deno.test("BoardPeer ends it with who goes on doing wrong", () => {
  const { peer } = joined();
  const { errorBurst } = BOARD_PATIENCE;
  const wrong = () => short(peer.receive({ text: "{" }, { now: 0, wallTime: WALL })).join();
  assertEquals(
    Array.from({ length: errorBurst }, wrong),
    Array(errorBurst).fill("error bad_message"),
  );
  assertEquals([wrong(), wrong()], ["error bad_message,close too_many_messages", ""]);
});

const UNREADABLE: readonly (readonly [BoardInput, string[]])[] = [
  [{ unreadable: "binary" }, ["error bad_message"]],
  [{ unreadable: "too-long" }, ["error message_too_long", "close message_too_long"]],
  [{ text: "x".repeat(16_385) }, ["error message_too_long", "close message_too_long"]],
  [{ text: '{"type":"post"}' }, ["error bad_message post"]],
];
for (const [input, orders] of UNREADABLE) {
  Deno.test(`BoardPeer answers ${JSON.stringify(input).slice(0, 30)} with ${orders}`, () => {
    const { peer } = joined();
    assertEquals(short(peer.receive(input, { now: 0, wallTime: WALL })), orders);
  });
}

Deno.test("BoardPeer measures three round trips at once, then pings every twenty seconds", () => {
  const { peer, say } = joined();
  const wakes: number[] = [];
  let now = 10;
  for (const id of ["1", "2", "3"]) {
    say({ type: "pong", id }, now);
    wakes.push(peer.nextWake);
    if (id !== "3") assertEquals(peer.wake(now += 250), [send({ type: "ping", id: `${+id + 1}` })]);
    now += 10;
  }
  assertEquals(wakes, [260, 520, 20_520]);
});

Deno.test("BoardPeer gives up who is silent for fifty seconds", () => {
  const { peer, say } = joined();
  say({ type: "ping", id: "x" }, 1000);
  const orders: string[] = [];
  while (peer.nextWake !== Infinity) {
    const now = peer.nextWake;
    orders.push(...short(peer.wake(now)).map((order) => `${now} ${order}`));
  }
  assertEquals(orders, ["20000 ping", "40000 ping", "51000 close silent"]);
});

interface Options {
  readonly secret?: string | undefined;
  readonly tokens?: AddressTokenAuthority | undefined;
}

function start(options: Options) {
  const peer = new BoardPeer({
    id: SELF,
    room: "r",
    secret: options.secret,
    ip: "192.0.2.7",
    stun: ["stun:192.0.2.1"],
    tokens: () => "tokens" in options ? options.tokens : TOKENS,
    now: 0,
  });
  const say = (message: ClientMessage, now = 0) =>
    peer.receive({ text: JSON.stringify(message) }, { now, wallTime: WALL + now });
  return { peer, say };
}

/** One that has joined at 0 ms. */
function joined(options: Options = {}) {
  const { peer, say } = start(options);
  say({ type: "join" });
  peer.joined([], 0);
  return { peer, say };
}

function send(message: Extract<BoardOrder, { do: "send" }>["message"]): BoardOrder {
  return { do: "send", message };
}

function post(peer: string, id: string): BoardPost {
  return { peer, id, candidates: [], data: "", expiresInMs: 1000 };
}

function short(orders: readonly BoardOrder[]): string[] {
  return orders.map((order) => {
    if (order.do === "close") return `close ${order.reason}`;
    if (order.do === "put") return `put ${order.post.id}`;
    if (order.do !== "send") return order.do;
    const { message } = order;
    if (message.type !== "error") return message.type;
    const code: BoardErrorCode = message.code;
    return `error ${code}${message.about === undefined ? "" : ` ${message.about}`}`;
  });
}
