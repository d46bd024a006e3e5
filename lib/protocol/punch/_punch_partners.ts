import { BOARD_LIMITS } from "../board/mod.ts";
import type { BoardPost } from "../board/mod.ts";
import {
  PUNCH_POST_ID,
  type PunchOffer,
  punchOffersFit,
  readPunchOffer,
} from "./punch_meeting_message.ts";

/** Whom of a room a side may meet, by what the others have posted. Times are in ms. */
export class PunchPartners {
  readonly #offer: PunchOffer;
  #others = new Map<string, Other>();

  /** Makes one for a side that offers this, and has heard of nobody. */
  constructor(offer: PunchOffer) {
    this.#offer = offer;
  }

  /** How many are there and do not fit. */
  get unfit(): number {
    return [...this.#others.values()].filter((one) => !this.#fits(one)).length;
  }

  /** Puts what is posted in place of all that was known, but for whom to leave alone. */
  replace(posts: readonly BoardPost[]): void {
    const known = this.#others;
    this.#others = new Map();
    for (const post of posts) this.note(post, known.get(post.peer)?.notBefore);
  }

  /** Takes a post note of, if it is an offer. */
  note({ peer, id, data }: BoardPost, notBefore = -Infinity): void {
    const offer = id === PUNCH_POST_ID ? readPunchOffer(data) : undefined;
    if (offer === undefined) return;
    // The board keeps its rooms smaller, but who says that it is one of ours?
    if (this.#others.size >= BOARD_LIMITS.maxPeersPerRoom && !this.#others.has(peer)) return;
    this.#others.set(peer, { peer, offer, notBefore });
  }

  /** A peer's offer is gone. */
  forget(peer: string): void {
    this.#others.delete(peer);
  }

  /** Leaves a peer alone until then. */
  postpone(peer: string, notBefore: number): void {
    const other = this.#others.get(peer);
    if (other !== undefined) this.#others.set(peer, { ...other, notBefore });
  }

  /** The peer that the one of this name may invite, who has the smaller name of the two. */
  toInvite(self: string, now: number): string | undefined {
    return this.#invitable(self).find(({ notBefore }) => notBefore <= now)?.peer;
  }

  /** When there may be one to invite; Infinity if nobody fits. */
  nextInvitation(self: string): number {
    return Math.min(Infinity, ...this.#invitable(self).map(({ notBefore }) => notBefore));
  }

  #invitable(self: string): readonly Other[] {
    return [...this.#others.values()].filter((one) => one.peer > self && this.#fits(one));
  }

  #fits({ offer }: Other): boolean {
    return punchOffersFit(this.#offer, offer);
  }
}

/** A peer that has posted an offer. */
interface Other {
  readonly peer: string;
  readonly offer: PunchOffer;
  readonly notBefore: number;
}
