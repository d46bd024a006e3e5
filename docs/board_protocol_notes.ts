import { BOARD_LIMITS, type BoardLimits } from "../lib/protocol/board/board_limits.ts";
import type {
  BoardCloseReason,
  ClientMessage,
  ServerMessage,
} from "../lib/protocol/board/board_message.ts";
import type { PunchSignal } from "../lib/protocol/punch/punch_meeting_message.ts";

/** What the page says of a message beside its schema. */
export interface MessageNote {
  /** What it does, in a sentence or two. */
  readonly does: string;
  /** One such message, without its type. */
  readonly example: Readonly<Record<string, unknown>>;
}

const PEER = "kX3vQm8tR1yLw0aZ";
const OTHER = "b7Jc_2uPnE-4hDsV";
const ADDRESS = "203.0.113.10:49152";

/** The messages of a peer. */
export const CLIENT_MESSAGES: Readonly<Record<ClientMessage["type"], MessageNote>> = {
  join: {
    does: "Asks to be let into the room; goes first, and once.",
    example: { secret: "open sesame" },
  },
  post: {
    does:
      "Puts something on the board, where everybody in the room sees it until its lifetime is " +
      "over, its peer takes it off, or its peer leaves. Post again to prolong it.",
    example: {
      id: "me",
      candidates: [{ address: ADDRESS, transport: "udp" }],
      data: "Ada",
      lifetimeMs: 60_000,
    },
  },
  remove: { does: "Takes a post of this peer off the board.", example: { id: "me" } },
  board: { does: "Asks for all that is posted; `board` follows.", example: {} },
  signal: {
    does: "Sends text to one peer and nobody else: an offer of WebRTC, a code of `pinhole punch`.",
    example: { to: OTHER, data: "v=0 …" },
  },
  sync: {
    does: "Asks that this peer and another be told to start at the same moment.",
    example: { with: OTHER },
  },
  ping: { does: "Asks for a `pong`, to see whether the board is there.", example: { id: "1" } },
  pong: {
    does: "Answers a `ping`; at once, for it is how the board measures the round trip.",
    example: { id: "1" },
  },
};

/** The messages of the board. */
export const SERVER_MESSAGES: Readonly<Record<ServerMessage["type"], MessageNote>> = {
  welcome: {
    does: "Answers `join`: the peer is in, under a name that is a new one each time.",
    example: {
      peer: PEER,
      room: "our-room",
      ip: "203.0.113.10",
      stun: ["stun:stun.example.org"],
      limits: BOARD_LIMITS,
    },
  },
  board: {
    does:
      "All that is posted: after `welcome`, when asked for, and when a store that could not be " +
      "reached is there again. It takes the place of what was known before.",
    example: { posts: [] },
  },
  posted: {
    does: "Somebody, perhaps this peer, has posted something, or replaced a post of the same name.",
    example: {
      post: {
        peer: PEER,
        id: "me",
        candidates: [{ address: ADDRESS, transport: "udp", proved: false }],
        data: "Ada",
        expiresInMs: 60_000,
      },
    },
  },
  removed: {
    does: "A post is gone: its peer took it off or left.",
    example: { peer: OTHER, id: "me" },
  },
  expired: {
    does: "A post is gone: its lifetime is over, or the server of its peer is.",
    example: { peer: OTHER, id: "me" },
  },
  signal: {
    does: "Another peer sends this one text.",
    example: { from: OTHER, data: "v=0 …" },
  },
  sync: {
    does: "Tells when to start; the other peer is told the same moment.",
    example: { with: OTHER, delayMs: 230 },
  },
  error: {
    does: "What was asked cannot be done, or something is wrong with the board.",
    example: {
      code: "no_such_peer",
      message: "there is no such peer in the room",
      about: "signal",
    },
  },
  ping: { does: "Wants a `pong`, at once.", example: { id: "1" } },
  pong: { does: "Answers a `ping` of this peer.", example: { id: "1" } },
};

/** What two peers that want to punch say to each other. */
export const PUNCH_SIGNALS: Readonly<Record<PunchSignal["punch"], string>> = {
  invite: "asks a peer whether it wants to meet this one",
  accept: "it does",
  busy: "it talks to another one at the moment",
  withdraw: "it does not any more, or never did",
  codes: "`codes` has this side's codes, one for each transport",
};

/** What each limit limits. */
export const LIMITS: Readonly<Record<keyof BoardLimits, string>> = {
  maxMessageBytes: "bytes of UTF-8 in a message of a peer",
  maxPosts: "posts of one peer at a time",
  maxCandidates: "candidates in a post",
  maxPostData: "characters of `data` in a post",
  maxSignalData: "characters of `data` in a signal",
  minLifetimeMs: "shortest life of a post, in ms",
  maxLifetimeMs: "longest life of a post, in ms",
  messagesPerSecond: "messages of one peer each second, in the long run",
  postsPerSecond: "`post`, `remove` and `board` of one peer each second, in the long run",
  maxPeersPerRoom: "peers in a room",
};

/** Why the board closes a connection. */
export const CLOSE_REASONS: Readonly<Record<BoardCloseReason, string>> = {
  bad_message: "the peer does not speak this protocol",
  wrong_secret: "the room has another secret",
  silent: "nothing came for too long, or no `join`",
  message_too_long: "a message was too long",
  too_many_messages: "too much was wrong or too much was sent",
  too_slow: "the peer does not read",
  full: "the room or the board is full, or its store cannot be reached",
  going_away: "the server stops",
};
