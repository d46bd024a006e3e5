import { assertEquals, assertThrows } from "@std/assert";
import type { BoardPost, ServerMessage } from "../../../lib/protocol/board/mod.ts";
import {
  encodePunchCode,
  type PunchDescription,
  PunchMeeting,
  type PunchMeetingOrder,
  type PunchSignal,
  writePunchOffer,
  writePunchSignal,
} from "../../../lib/protocol/punch/mod.ts";
import { simAddress } from "../../sim/mod.ts";
import { otherDescription, punchDescription } from "./punch_description_cases.ts";

const OWN = "mmmmmmmmmmmmmmmm";
const SMALLER = "aaaaaaaaaaaaaaaa";
const LARGER = "xxxxxxxxxxxxxxxx";
const LARGEST = "zzzzzzzzzzzzzzzz";
const CODE = encodePunchCode(punchDescription());
const OTHER = otherDescription();
const OTHER_CODE = encodePunchCode(OTHER);
const POST: PunchMeetingOrder = {
  do: "post",
  post: {
    type: "post",
    id: "punch",
    candidates: [],
    data: writePunchOffer({ transports: ["udp"], family: 4 }),
    lifetimeMs: 60_000,
  },
};
const REMOVE: PunchMeetingOrder = { do: "remove", id: "punch" };
const ACCEPT = said({ punch: "accept" });
const CODES = said({ punch: "codes", codes: [OTHER_CODE] });

Deno.test("PunchMeeting posts an offer without addresses, and waits", () => {
  const meeting = new PunchMeeting([punchDescription()]);
  meeting.joined(OWN);
  assertEquals(meeting.hear({ type: "board", posts: [] }, 0), [POST, waiting(0)]);
  assertEquals(meeting.nextWake, Infinity);
});

Deno.test("PunchMeeting posts again when its offer has expired or is not on the board", () => {
  const meeting = joined();
  assertEquals(meeting.hear({ type: "expired", peer: OWN, id: "punch" }, 1), [POST]);
  assertEquals(meeting.hear({ type: "board", posts: [offered(OWN)] }, 2), []);
  assertEquals(meeting.hear({ type: "board", posts: [] }, 3), [POST]);
  assertEquals(meeting.hear({ type: "expired", peer: OWN, id: "other" }, 4), []);
});

Deno.test("PunchMeeting invites the peer with the larger name, and starts with it when told", () => {
  const meeting = joined(offered(LARGER));
  assertEquals(meeting.hear(from(LARGER, ACCEPT), 10), [
    signal(LARGER, { punch: "codes", codes: [CODE] }),
    REMOVE,
    tell({ kind: "met", peer: LARGER }),
  ]);
  assertEquals(meeting.hear(from(LARGER, CODES), 20), [exchanged()]);
  assertEquals(meeting.hear({ type: "sync", with: LARGER, delayMs: 250 }, 30), [start(250)]);
  assertEquals([meeting.nextWake, meeting.hear(from(SMALLER, CODES), 40)], [Infinity, [
    signal(SMALLER, { punch: "withdraw" }),
  ]]);
});

Deno.test("PunchMeeting waits for the peer with the smaller name, and asks for the start", () => {
  const meeting = joined(offered(SMALLER));
  assertEquals(meeting.hear(from(SMALLER, said({ punch: "invite" })), 10), [
    signal(SMALLER, { punch: "accept" }),
  ]);
  assertEquals(meeting.hear(from(SMALLER, CODES), 20), [
    signal(SMALLER, { punch: "codes", codes: [CODE] }),
    REMOVE,
    tell({ kind: "met", peer: SMALLER }),
    exchanged(),
    { do: "sync", with: SMALLER },
  ]);
  assertEquals(meeting.hear({ type: "sync", with: SMALLER, delayMs: 250 }, 30), [start(250)]);
});

Deno.test("PunchMeeting accepts a peer of whose offer it has not heard yet", () => {
  const meeting = joined();
  assertEquals(meeting.hear(from(SMALLER, said({ punch: "invite" })), 10), [
    signal(SMALLER, { punch: "accept" }),
  ]);
});

Deno.test("PunchMeeting does not accept an invitation against the order of names", () => {
  const meeting = joined();
  assertEquals(meeting.hear(from(LARGER, said({ punch: "invite" })), 10), [
    signal(LARGER, { punch: "busy" }),
  ]);
});

Deno.test("PunchMeeting invites nobody who does not fit, and says how many there are", () => {
  const meeting = new PunchMeeting([punchDescription()]);
  meeting.joined(OWN);
  const posts = [
    offered(LARGER, { transports: ["tcp"] }),
    offered(LARGEST, { transports: ["udp"], family: 6 }),
    // What a browser has posted
    { ...offered(SMALLER), id: "page", data: "Alice" },
  ];
  assertEquals(meeting.hear({ type: "board", posts }, 0), [POST, waiting(2)]);
  assertEquals(meeting.hear({ type: "posted", post: posts[0]! }, 1), []);
  assertEquals(meeting.hear({ type: "removed", peer: LARGER, id: "punch" }, 2), []);
});

for (
  const [what, hears] of [
    ["is busy", from(LARGER, said({ punch: "busy" }))],
    ["has left", { type: "error", code: "no_such_peer", message: "", about: "signal" }],
  ] as const
) {
  Deno.test(`PunchMeeting asks the next when one ${what}, and that one again later`, () => {
    const meeting = joined(offered(LARGER), offered(LARGEST));
    assertEquals(meeting.hear(hears, 100), [signal(LARGEST, { punch: "invite" })]);
    assertEquals(meeting.hear(from(LARGEST, said({ punch: "busy" })), 200), [waiting(0)]);
    assertEquals(meeting.nextWake, 1_100);
    assertEquals(meeting.wake(1_100), [signal(LARGER, { punch: "invite" })]);
  });
}

Deno.test("PunchMeeting asks no more when one has met another and so taken its offer off", () => {
  const meeting = joined(offered(LARGER));
  assertEquals(meeting.hear({ type: "removed", peer: LARGER, id: "punch" }, 1), [waiting(0)]);
  assertEquals(meeting.nextWake, Infinity);
});

Deno.test("PunchMeeting keeps a promise to one whose offer is gone before its codes are here", () => {
  const meeting = joined(offered(SMALLER));
  meeting.hear(from(SMALLER, said({ punch: "invite" })), 0);
  assertEquals(meeting.hear({ type: "removed", peer: SMALLER, id: "punch" }, 1), []);
  assertEquals(meeting.hear(from(SMALLER, CODES), 2).at(-1), { do: "sync", with: SMALLER });
});

Deno.test("PunchMeeting gives up an invitation that nobody answers, and refuses a late answer", () => {
  const meeting = joined(offered(LARGER));
  assertEquals([meeting.nextWake, meeting.wake(4_999)], [5_000, []]);
  assertEquals(meeting.wake(5_000), [waiting(0)]);
  assertEquals(meeting.nextWake, 15_000);
  assertEquals(meeting.hear(from(LARGER, ACCEPT), 6_000), [
    signal(LARGER, { punch: "withdraw" }),
  ]);
});

Deno.test("PunchMeeting is free again when it was invited and no codes come", () => {
  const meeting = joined();
  meeting.hear(from(SMALLER, said({ punch: "invite" })), 0);
  assertEquals(meeting.hear(from(SMALLER, said({ punch: "invite" })), 1), []);
  assertEquals(meeting.hear(from(LARGER, said({ punch: "invite" })), 1), [
    signal(LARGER, { punch: "busy" }),
  ]);
  assertEquals(meeting.nextWake, 5_000);
  assertEquals(meeting.wake(5_000), [signal(SMALLER, { punch: "withdraw" })]);
  assertEquals(meeting.hear(from(SMALLER, CODES), 5_001), [
    signal(SMALLER, { punch: "withdraw" }),
  ]);
  assertEquals(meeting.hear({ type: "posted", post: offered(LARGER) }, 6_000), [
    signal(LARGER, { punch: "invite" }),
  ]);
});

for (
  const [what, act, reason] of [
    [
      "does not send its codes",
      (meeting: PunchMeeting) => meeting.wake(meeting.nextWake),
      "the other side has not sent its codes",
    ],
    [
      "withdraws",
      (meeting: PunchMeeting) => meeting.hear(from(LARGER, said({ punch: "withdraw" })), 20),
      "the other side does not want to meet any more",
    ],
    [
      "may have sent its codes when the board was lost",
      (meeting: PunchMeeting) => meeting.left(20),
      "the board was lost before the other side's codes came",
    ],
  ] as const
) {
  Deno.test(`PunchMeeting fails when the one that has its codes ${what}`, () => {
    const meeting = joined(offered(LARGER));
    meeting.hear(from(LARGER, ACCEPT), 10);
    assertEquals(meeting.nextWake, 10_010);
    assertEquals(act(meeting), [tell({ kind: "failed", code: "left", reason })]);
    assertEquals(meeting.nextWake, Infinity);
  });
}

for (
  const [codes, reason] of [
    [["hello"], "Cannot read the code: it does not begin with pin1 as a code does"],
    [[OTHER_CODE, OTHER_CODE], "Cannot read the codes: two are for the same transport"],
  ] as const
) {
  Deno.test(`PunchMeeting fails when the codes are ${codes.length} that cannot be used`, () => {
    const meeting = joined(offered(LARGER));
    meeting.hear(from(LARGER, ACCEPT), 10);
    assertEquals(meeting.hear(from(LARGER, said({ punch: "codes", codes })), 20), [
      tell({ kind: "failed", code: "unusable", reason }),
    ]);
  });
}

for (
  const [what, act] of [
    ["no start is told in 3 s", (meeting: PunchMeeting) => meeting.wake(meeting.nextWake)],
    ["the board is lost after the codes", (meeting: PunchMeeting) => meeting.left(3_020)],
    [
      "the board cannot tell the start",
      (meeting: PunchMeeting) =>
        meeting.hear({ type: "error", code: "no_such_peer", message: "", about: "sync" }, 3_020),
    ],
  ] as const
) {
  Deno.test(`PunchMeeting starts all the same when ${what}`, () => {
    const meeting = joined(offered(LARGER));
    meeting.hear(from(LARGER, ACCEPT), 10);
    meeting.hear(from(LARGER, CODES), 20);
    assertEquals(meeting.nextWake, 3_020);
    assertEquals(act(meeting), [start(0)]);
  });
}

Deno.test("PunchMeeting keeps a start that is told before the codes", () => {
  const meeting = joined(offered(LARGER));
  meeting.hear(from(LARGER, ACCEPT), 10);
  assertEquals(meeting.hear({ type: "sync", with: LARGER, delayMs: 300 }, 20), []);
  assertEquals(meeting.hear(from(LARGER, CODES), 120), [exchanged(), start(200)]);
});

Deno.test("PunchMeeting takes no start from a peer that it does not meet", () => {
  const meeting = joined(offered(LARGER));
  meeting.hear(from(LARGER, ACCEPT), 10);
  meeting.hear(from(LARGER, CODES), 20);
  assertEquals(meeting.hear({ type: "sync", with: LARGEST, delayMs: 300 }, 30), []);
});

Deno.test("PunchMeeting begins anew under its new name when the board was lost", () => {
  const meeting = joined(offered(LARGER));
  assertEquals(meeting.left(10), []);
  assertEquals(meeting.nextWake, Infinity);
  const limits = {} as Extract<ServerMessage, { type: "welcome" }>["limits"];
  const welcome = {
    type: "welcome",
    peer: LARGEST,
    room: "r",
    ip: "::1",
    stun: [],
    limits,
  } as const;
  assertEquals(meeting.hear(welcome, 20), []);
  // It is the larger one now
  assertEquals(meeting.hear({ type: "board", posts: [offered(LARGER)] }, 30), [POST, waiting(0)]);
});

Deno.test("PunchMeeting passes over what other programs say to each other", () => {
  const meeting = joined(offered(LARGER));
  for (const data of ["", "{}", '{"type":"offer","sdp":""}']) {
    assertEquals(meeting.hear(from(LARGER, data), 1), []);
  }
});

Deno.test("PunchMeeting remembers 64 offers and no more", () => {
  const meeting = joined(
    ...Array.from({ length: 64 }, (_, i) => offered(`no-${i}`, { transports: ["tcp"] })),
    offered(LARGER),
  );
  assertEquals(meeting.nextWake, Infinity);
});

Deno.test("PunchMeeting has one code for each transport, and its family", () => {
  const tcp = punchDescription({ transport: "tcp" });
  const udp = punchDescription({
    candidates: [{ kind: "host", address: simAddress("[2001:db8::1]:5000") }],
  });
  const meeting = new PunchMeeting([udp, tcp]);
  meeting.joined(OWN);
  const [order] = meeting.hear({ type: "board", posts: [] }, 0);
  assertEquals(
    order?.do === "post" ? order.post.data : undefined,
    writePunchOffer({ transports: ["udp", "tcp"], family: 6 }),
  );
});

Deno.test("PunchMeeting throws where there is no description", () => {
  assertThrows(() => new PunchMeeting([]), RangeError, "there is no description");
});

/** A meeting in a room where this is posted, which has begun at 0 ms. */
function joined(...posts: readonly BoardPost[]): PunchMeeting {
  const meeting = new PunchMeeting([punchDescription()]);
  meeting.joined(OWN);
  meeting.hear({ type: "board", posts: [offered(OWN), ...posts] }, 0);
  return meeting;
}

function offered(
  peer: string,
  offer: Parameters<typeof writePunchOffer>[0] = { transports: ["udp"], family: 4 },
): BoardPost {
  return { peer, id: "punch", candidates: [], data: writePunchOffer(offer), expiresInMs: 60_000 };
}

function said(signal: PunchSignal): string {
  return writePunchSignal(signal);
}

function from(peer: string, data: string): ServerMessage {
  return { type: "signal", from: peer, data };
}

function signal(to: string, what: PunchSignal): PunchMeetingOrder {
  return { do: "signal", to, data: said(what) };
}

function tell(news: Extract<PunchMeetingOrder, { do: "tell" }>["news"]): PunchMeetingOrder {
  return { do: "tell", news };
}

function waiting(unfit: number): PunchMeetingOrder {
  return tell({ kind: "waiting", unfit });
}

function exchanged(): PunchMeetingOrder {
  const descriptions: readonly PunchDescription[] = [OTHER];
  return tell({ kind: "exchanged", descriptions });
}

function start(inMs: number): PunchMeetingOrder {
  return tell({ kind: "start", inMs });
}
