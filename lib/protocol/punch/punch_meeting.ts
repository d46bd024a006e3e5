import type { Decoded } from "../../wire/mod.ts";
import { decoded, undecodable } from "../../wire/mod.ts";
import { PunchPartners } from "./_punch_partners.ts";
import type {
  BoardErrorMessage,
  BoardPost,
  PostMessage,
  ServerMessage,
  SignalMessage,
} from "../board/mod.ts";
import { decodePunchCode, encodePunchCode } from "./punch_code.ts";
import type { PunchDescription } from "./punch_description.ts";
import {
  PUNCH_POST_ID,
  type PunchOffer,
  type PunchSignal,
  readPunchSignal,
  writePunchOffer,
  writePunchSignal,
} from "./punch_meeting_message.ts";

/** What whoever has the connection to the board is to do for a {@linkcode PunchMeeting}. */
export type PunchMeetingOrder =
  /** Put this on the board. */
  | { readonly do: "post"; readonly post: PostMessage }
  /** Take the post of this name off. */
  | { readonly do: "remove"; readonly id: string }
  /** Send this to one peer. */
  | { readonly do: "signal"; readonly to: string; readonly data: string }
  /** Ask that both be told to start together. */
  | { readonly do: "sync"; readonly with: string }
  /** Say what has come about. */
  | { readonly do: "tell"; readonly news: PunchMeetingNews };

/** What comes about in a {@linkcode PunchMeeting}. */
export type PunchMeetingNews =
  /** Nobody is there to meet, but for so many who want another transport or family. */
  | { readonly kind: "waiting"; readonly unfit: number }
  /** This peer it is, for good: it is about to have this side's codes. */
  | { readonly kind: "met"; readonly peer: string }
  /** The other side's descriptions have come. */
  | { readonly kind: "exchanged"; readonly descriptions: readonly PunchDescription[] }
  /** Both are to begin in so many ms. */
  | { readonly kind: "start"; readonly inMs: number }
  /** It came to nothing: the other side is gone (`left`), or its codes cannot be read (`unusable`). */
  | { readonly kind: "failed"; readonly code: "left" | "unusable"; readonly reason: string };

/**
 * How two peers of a room of the bulletin board find each other for a punch and exchange their codes:
 *
 * ```text
 * post {transports}      both
 * invite           ->    the peer with the smaller name, to the first fitting one with a larger
 *                  <-    accept, or busy
 * codes            ->    from here on these two, and nobody else
 *                  <-    codes, sync
 * sync             both start
 * ```
 *
 * Only the smaller name invites, and nobody who has invited or accepted accepts: so no two invite each
 * other, and of any number of peers each is with one at the most, whatever the order in which they
 * hear of each other. Codes go out once, to one peer that has accepted or invited: a third never has
 * them, nor would a second peer after one that vanished. Time comes in, in ms, and orders go out.
 */
export class PunchMeeting {
  readonly #offer: PunchOffer;
  readonly #codes: readonly string[];
  readonly #partners: PunchPartners;
  #self: string | undefined;
  #state: State = { kind: "looking" };
  /** How many did not fit when that was last told. */
  #unfit: number | undefined;
  /** When the start is to be, if that was told before the codes came. */
  #startAt: number | undefined;

  /**
   * Makes one for a side that has these descriptions, one for each transport.
   *
   * @throws {RangeError} If there is none, or one cannot be used.
   */
  constructor(descriptions: readonly PunchDescription[]) {
    if (descriptions.length === 0) {
      throw new RangeError("Cannot meet for a punch: there is no description");
    }
    this.#offer = {
      transports: descriptions.map(({ transport }) => transport),
      family: familyOf(descriptions),
    };
    this.#codes = descriptions.map(encodePunchCode);
    this.#partners = new PunchPartners(this.#offer);
  }

  /** When {@linkcode PunchMeeting.wake} is to be called; Infinity for not at all. */
  get nextWake(): number {
    if ("until" in this.#state) return this.#state.until;
    const isLooking = this.#state.kind === "looking" && this.#self !== undefined;
    return isLooking ? this.#partners.nextInvitation(this.#self!) : Infinity;
  }

  /** The board calls this side so from now on; what is posted will follow. */
  joined(self: string): void {
    this.#self = self;
    this.#partners.replace([]);
  }

  /** The connection to the board is lost. */
  left(now: number): PunchMeetingOrder[] {
    this.#self = undefined;
    this.#partners.replace([]);
    switch (this.#state.kind) {
      case "committed":
        return this.#fail("left", "the board was lost before the other side's codes came");
      case "exchanged":
        // The other side starts without this one's being told, after a while
        return this.#start(now);
      case "inviting":
      case "promised":
        this.#state = { kind: "looking" };
    }
    return [];
  }

  /** The board has said something. */
  hear(message: ServerMessage, now: number): PunchMeetingOrder[] {
    switch (message.type) {
      case "welcome":
        this.joined(message.peer);
        return [];
      case "board":
        return this.#survey(message.posts, now);
      case "posted":
        if (message.post.peer !== this.#self) this.#partners.note(message.post);
        return this.#look(now);
      case "removed":
      case "expired":
        if (message.id !== PUNCH_POST_ID) return [];
        if (message.peer === this.#self) return this.#isUnmet ? [this.#post()] : [];
        this.#partners.forget(message.peer);
        // Who is invited and takes the offer off has met another one; one that expires is posted again
        return message.type === "removed" && this.#state.kind === "inviting"
          ? this.#refused(message.peer, now)
          : [];
      case "signal":
        return this.#signal(message, now);
      case "sync":
        return message.with === this.#partner ? this.#synchronise(now + message.delayMs, now) : [];
      case "error":
        return this.#failed(message, now);
      default:
        return [];
    }
  }

  /** The time has come that was asked for. */
  wake(now: number): PunchMeetingOrder[] {
    if (now < this.nextWake) return [];
    const state = this.#state;
    switch (state.kind) {
      case "over":
        return [];
      case "looking":
        return this.#look(now);
      case "inviting":
        return this.#refused(state.peer, now, UNANSWERED_MS);
      case "promised":
        return [signal(state.peer, { punch: "withdraw" }), ...this.#refused(state.peer, now)];
      case "committed":
        return this.#fail("left", "the other side has not sent its codes");
      case "exchanged":
        return this.#start(now);
    }
  }

  #survey(posts: readonly BoardPost[], now: number): PunchMeetingOrder[] {
    this.#partners.replace(posts.filter(({ peer }) => peer !== this.#self));
    const isShown = posts.some(({ peer, id }) => peer === this.#self && id === PUNCH_POST_ID);
    return [...this.#isUnmet && !isShown ? [this.#post()] : [], ...this.#look(now)];
  }

  /** Invites somebody, if there is anybody to invite. */
  #look(now: number): PunchMeetingOrder[] {
    if (this.#state.kind !== "looking" || this.#self === undefined) return [];
    const peer = this.#partners.toInvite(this.#self, now);
    if (peer !== undefined) {
      this.#state = { kind: "inviting", peer, until: now + ANSWER_MS };
      return [signal(peer, { punch: "invite" })];
    }
    const { unfit } = this.#partners;
    if (unfit === this.#unfit) return [];
    this.#unfit = unfit;
    return [tell({ kind: "waiting", unfit })];
  }

  #signal({ from, data }: SignalMessage, now: number): PunchMeetingOrder[] {
    const said = readPunchSignal(data);
    const { kind } = this.#state;
    const isPartner = from === this.#partner;
    switch (said?.punch) {
      case "invite":
        return this.#invited(from, now);
      case "accept":
        return isPartner && kind === "inviting"
          ? this.#commit(from, now)
          : [signal(from, { punch: "withdraw" })];
      case "busy":
      case "withdraw":
        if (isPartner && kind === "committed") {
          return this.#fail("left", "the other side does not want to meet any more");
        }
        return this.#refused(from, now);
      case "codes":
        if (isPartner && kind === "promised") {
          // The codes before `sync`, so that the other side has them by then
          return [
            ...this.#commit(from, now),
            ...this.#exchanged(from, { codes: said.codes, now }),
            { do: "sync", with: from },
          ];
        }
        if (isPartner && kind === "committed") {
          return this.#exchanged(from, { codes: said.codes, now });
        }
        return isPartner ? [] : [signal(from, { punch: "withdraw" })];
      default:
        return [];
    }
  }

  #invited(from: string, now: number): PunchMeetingOrder[] {
    const isFree = this.#state.kind === "looking" && this.#self !== undefined && from < this.#self;
    if (!isFree) return from === this.#partner ? [] : [signal(from, { punch: "busy" })];
    this.#state = { kind: "promised", peer: from, until: now + ANSWER_MS };
    return [signal(from, { punch: "accept" })];
  }

  #commit(peer: string, now: number): PunchMeetingOrder[] {
    this.#state = { kind: "committed", peer, until: now + CODES_MS };
    return [
      signal(peer, { punch: "codes", codes: this.#codes }),
      { do: "remove", id: PUNCH_POST_ID },
      tell({ kind: "met", peer }),
    ];
  }

  #exchanged(
    peer: string,
    { codes, now }: { readonly codes: readonly string[]; readonly now: number },
  ): PunchMeetingOrder[] {
    const descriptions = readCodes(codes);
    if (!descriptions.ok) return this.#fail("unusable", descriptions.reason);
    this.#state = { kind: "exchanged", peer, until: now + SYNC_MS };
    return [
      tell({ kind: "exchanged", descriptions: descriptions.value }),
      ...this.#startAt === undefined ? [] : this.#synchronise(this.#startAt, now),
    ];
  }

  #synchronise(at: number, now: number): PunchMeetingOrder[] {
    this.#startAt = at;
    return this.#state.kind === "exchanged" ? this.#start(now) : [];
  }

  #start(now: number): PunchMeetingOrder[] {
    this.#state = { kind: "over" };
    return [tell({ kind: "start", inMs: Math.max(0, (this.#startAt ?? now) - now) })];
  }

  /** A peer that this side was talking to will not have it, for now; others are asked. */
  #refused(peer: string, now: number, waitMs = REFUSED_MS): PunchMeetingOrder[] {
    const { kind } = this.#state;
    if (peer !== this.#partner || (kind !== "inviting" && kind !== "promised")) return [];
    this.#partners.postpone(peer, now + waitMs);
    this.#state = { kind: "looking" };
    return this.#look(now);
  }

  /** The board could not do what it was asked. */
  #failed({ about }: BoardErrorMessage, now: number): PunchMeetingOrder[] {
    if (about === "sync" && this.#state.kind === "exchanged") return this.#start(now);
    return about === "signal" ? this.#refused(this.#partner ?? "", now) : [];
  }

  #fail(code: "left" | "unusable", reason: string): PunchMeetingOrder[] {
    this.#state = { kind: "over" };
    return [tell({ kind: "failed", code, reason })];
  }

  #post(): PunchMeetingOrder {
    const data = writePunchOffer(this.#offer);
    const post = { id: PUNCH_POST_ID, candidates: [], data, lifetimeMs: LIFETIME_MS };
    return { do: "post", post: { type: "post", ...post } };
  }

  get #isUnmet(): boolean {
    return ["looking", "inviting", "promised"].includes(this.#state.kind);
  }

  get #partner(): string | undefined {
    return "peer" in this.#state ? this.#state.peer : undefined;
  }
}

type State =
  | { readonly kind: "looking" | "over" }
  | {
    /** It has been invited; it has been accepted; it was sent the codes; it has sent its own. */
    readonly kind: "inviting" | "promised" | "committed" | "exchanged";
    readonly peer: string;
    /** When this side waits no longer, in ms. */
    readonly until: number;
  };

function readCodes(codes: readonly string[]): Decoded<readonly PunchDescription[]> {
  const descriptions: PunchDescription[] = [];
  for (const code of codes) {
    const description = decodePunchCode(code);
    if (!description.ok) return description;
    if (descriptions.some(({ transport }) => transport === description.value.transport)) {
      return undecodable("Cannot read the codes: two are for the same transport");
    }
    descriptions.push(description.value);
  }
  return decoded(descriptions);
}

function familyOf(descriptions: readonly PunchDescription[]): PunchOffer["family"] {
  const [first] = descriptions.flatMap(({ candidates }) => candidates);
  return first && (first.address.ip.length === 4 ? 4 : 6);
}

function signal(to: string, data: PunchSignal): PunchMeetingOrder {
  return { do: "signal", to, data: writePunchSignal(data) };
}

function tell(news: PunchMeetingNews): PunchMeetingOrder {
  return { do: "tell", news };
}

/** How long the answer of a program may take over two slow mobile networks, and then some. */
const ANSWER_MS = 5_000;

/** Twice as long as the other side keeps its promise: who hears nothing then has heard `withdraw`. */
const CODES_MS = 10_000;

/** `sync` follows the codes at once, but for the first measurement of a round trip. */
const SYNC_MS = 3_000;

/** Who is busy is with somebody for good in less, and then takes its offer off. */
const REFUSED_MS = 1_000;

/** Who does not answer hangs, or has lost its connection; the board finds that out. */
const UNANSWERED_MS = 10_000;

/** Where a server dies its peers' posts outlive it by this at the most. */
const LIFETIME_MS = 60_000;
