import type {
  BoardErrorMessage,
  BoardMessage,
  ExpiredMessage,
  PostedMessage,
  RemovedMessage,
  SignalMessage,
} from "./board_message.ts";

/** Asks the other peer's side when it would start. Not sent to clients. */
export interface SyncAsk {
  /** Which event it is. */
  readonly type: "sync-ask";
  /** Who asks. */
  readonly from: string;
  /** The round trip between that peer and its server, in ms. */
  readonly rttMs: number;
}

/** Answers {@linkcode SyncAsk}. Not sent to clients. */
export interface SyncAnswer {
  /** Which event it is. */
  readonly type: "sync-answer";
  /** Who answers. */
  readonly from: string;
  /** The round trip between that peer and its server, in ms. */
  readonly rttMs: number;
  /** What that peer was told: ms from receipt until the start. */
  readonly delayMs: number;
  /** How long the answer was held back, in ms, because no round trip had been measured yet. */
  readonly heldMs: number;
}

/** What is for one peer of a room, wherever in a group of servers it is. */
export type DirectEvent = SignalMessage | SyncAsk | SyncAnswer;

/** What a store tells a peer. */
export type BoardEvent =
  | BoardMessage
  | PostedMessage
  | RemovedMessage
  | ExpiredMessage
  | DirectEvent
  | BoardErrorMessage;

/** An event, and for whom. */
export interface BoardDelivery {
  /** The room. */
  readonly room: string;
  /** The peers of that room; all of them are to have the same event. */
  readonly to: Iterable<string>;
  /** The event. */
  readonly event: BoardEvent;
}

/** Why a peer is not let into a room. */
export type JoinRefusal = "wrong_secret" | "room_full" | "too_many_rooms";
