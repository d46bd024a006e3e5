import type { BoardLimits } from "./board_limits.ts";

/** Which transport a candidate is for. */
export type CandidateTransport = "udp" | "tcp";

/** An address at which a peer may be reached, as it claims. */
export interface ClaimedCandidate {
  /** The transport address, `203.0.113.10:49152` or `[2001:db8::1]:49152`. */
  readonly address: string;
  /** What is to be sent there. */
  readonly transport: CandidateTransport;
  /** The value of ADDRESS-TOKEN for this address, 43 characters of base64url without padding. */
  readonly token?: string | undefined;
}

/** An address at which a peer may be reached, as others see it. */
export interface Candidate {
  /** The transport address, in its usual form. */
  readonly address: string;
  /** What is to be sent there. */
  readonly transport: CandidateTransport;
  /** Whether a token showed that a STUN server of this board saw that address; else it is a claim. */
  readonly proved: boolean;
}

/** What a peer has put on the board. */
export interface BoardPost {
  /** Whose it is. */
  readonly peer: string;
  /** Its name, unique among the posts of that peer. */
  readonly id: string;
  /** Where the peer may be reached. */
  readonly candidates: readonly Candidate[];
  /** What the peer wants to say; the board does not read it. */
  readonly data: string;
  /** ms from the moment of sending until it is gone. */
  readonly expiresInMs: number;
}

/** Goes first: asks to be let into the room. */
export interface JoinMessage {
  /** Which message it is. */
  readonly type: "join";
  /** The secret of the room, if it was not given as a subprotocol; its first peer chooses it. */
  readonly secret?: string | undefined;
}

/** Puts something on the board, or replaces what had the same `id`. */
export interface PostMessage {
  /** Which message it is. */
  readonly type: "post";
  /** The name of the post: 1 to 32 letters, digits, `.`, `_`, `-`. */
  readonly id: string;
  /** Where this peer may be reached. */
  readonly candidates: readonly ClaimedCandidate[];
  /** Text for the others, such as a name or a key. */
  readonly data: string;
  /** ms until the post is to vanish. */
  readonly lifetimeMs: number;
}

/** Takes a post of this peer off the board. */
export interface RemoveMessage {
  /** Which message it is. */
  readonly type: "remove";
  /** The name of the post. */
  readonly id: string;
}

/** Asks for all that is posted. */
export interface ListMessage {
  /** Which message it is. */
  readonly type: "board";
}

/** Sends text to one peer, and to nobody else. */
export interface SendSignalMessage {
  /** Which message it is. */
  readonly type: "signal";
  /** To whom. */
  readonly to: string;
  /** The text; the board does not read it. */
  readonly data: string;
}

/** Asks that this peer and another be told to start at the same moment. */
export interface StartSyncMessage {
  /** Which message it is. */
  readonly type: "sync";
  /** The other peer. */
  readonly with: string;
}

/** Asks for a `pong`; either side may. */
export interface PingMessage {
  /** Which message it is. */
  readonly type: "ping";
  /** What the `pong` is to carry. */
  readonly id: string;
}

/** Answers a `ping` at once. */
export interface PongMessage {
  /** Which message it is. */
  readonly type: "pong";
  /** What the `ping` carried. */
  readonly id: string;
}

/** What a peer may say to the board. */
export type ClientMessage =
  | JoinMessage
  | PostMessage
  | RemoveMessage
  | ListMessage
  | SendSignalMessage
  | StartSyncMessage
  | PingMessage
  | PongMessage;

/** Answers `join`: the peer is in. A `board` follows. */
export interface WelcomeMessage {
  /** Which message it is. */
  readonly type: "welcome";
  /** The name of this peer, by which others call it; a new one each time. */
  readonly peer: string;
  /** The name of the room. */
  readonly room: string;
  /** The IP address that the board sees this peer come from. */
  readonly ip: string;
  /** The STUN URIs (RFC 7064) of this server, to learn one's candidates and their tokens from. */
  readonly stun: readonly string[];
  /** What this peer may do. */
  readonly limits: BoardLimits;
}

/** All that is posted: after `welcome`, when asked for, and when the board has recovered. */
export interface BoardMessage {
  /** Which message it is. */
  readonly type: "board";
  /** Every post, those of this peer among them. */
  readonly posts: readonly BoardPost[];
}

/** Somebody, perhaps this peer, has posted something, or replaced a post. */
export interface PostedMessage {
  /** Which message it is. */
  readonly type: "posted";
  /** What is posted now. */
  readonly post: BoardPost;
}

/** A post is gone: its peer took it off or left. */
export interface RemovedMessage {
  /** Which message it is. */
  readonly type: "removed";
  /** Whose it was. */
  readonly peer: string;
  /** Its name. */
  readonly id: string;
}

/** A post is gone: its lifetime is over, or the node of its peer is. */
export interface ExpiredMessage {
  /** Which message it is. */
  readonly type: "expired";
  /** Whose it was. */
  readonly peer: string;
  /** Its name. */
  readonly id: string;
}

/** Another peer sends this one text. */
export interface SignalMessage {
  /** Which message it is. */
  readonly type: "signal";
  /** From whom. */
  readonly from: string;
  /** The text. */
  readonly data: string;
}

/** Tells when to start: the other peer is told the same moment. */
export interface SyncMessage {
  /** Which message it is. */
  readonly type: "sync";
  /** The other peer. */
  readonly with: string;
  /** ms from the receipt of this message until the start. */
  readonly delayMs: number;
}

/** Why the board cannot do what it was asked, or what is wrong with it. */
export interface BoardErrorMessage {
  /** Which message it is. */
  readonly type: "error";
  /** What is wrong, for programs. */
  readonly code: BoardErrorCode;
  /** What is wrong, for people. */
  readonly message: string;
  /** The type of the message that this is about, if it is about one. */
  readonly about?: string | undefined;
}

/** What the board may say to a peer. */
export type ServerMessage =
  | WelcomeMessage
  | BoardMessage
  | PostedMessage
  | RemovedMessage
  | ExpiredMessage
  | SignalMessage
  | SyncMessage
  | BoardErrorMessage
  | PingMessage
  | PongMessage;

/** The codes of `error`, and what each of them means. */
export const BOARD_ERRORS = {
  bad_message: "the message is not one of this protocol; `message` says where it goes wrong",
  message_too_long: "the message is longer than a peer may send; the connection ends",
  too_many_messages: "the peer sends more than it may; this message was not acted on",
  not_joined: "something was sent before `welcome`",
  joined_already: "`join` was sent a second time",
  join_timeout: "no `join` came in time; the connection ends",
  wrong_secret: "the room has another secret, or one at all; the connection ends",
  room_full: "the room has as many peers as it may; the connection ends",
  too_many_rooms: "the board has as many rooms as it may; the connection ends",
  too_many_posts: "the peer has as many posts as it may",
  no_such_post: "the peer has no post of that name",
  no_such_peer: "there is no such peer in the room",
  store_unavailable:
    "what is posted cannot be reached at the moment; a `board` follows when it can",
} as const;

/** A code of `error`. */
export type BoardErrorCode = keyof typeof BOARD_ERRORS;

/** The WebSocket subprotocol of the board. */
export const BOARD_SUBPROTOCOL = "pinhole.board.v1";

/**
 * Why the board closes a connection: the codes of a WebSocket's close event, and whether a client
 * that tries again may hope for better.
 */
export const BOARD_CLOSE = {
  bad_message: { code: 4400, retry: false },
  wrong_secret: { code: 4403, retry: false },
  silent: { code: 4408, retry: true },
  message_too_long: { code: 4413, retry: false },
  too_many_messages: { code: 4429, retry: true },
  too_slow: { code: 4430, retry: true },
  full: { code: 4503, retry: true },
  going_away: { code: 4504, retry: true },
} as const satisfies Record<string, { readonly code: number; readonly retry: boolean }>;

/** Why the board closes a connection. */
export type BoardCloseReason = keyof typeof BOARD_CLOSE;
