import { equalSocketAddresses, type SocketAddress } from "../../wire/mod.ts";
import { type HoldEnd, HoldingRecord } from "./holding_record.ts";
import {
  judgePublicAddress,
  type PublicAddressFinding,
  type PublicAddressObservation,
} from "./public_address.ts";
import { redialDelayMs } from "./redial_delay.ts";

/** What a {@linkcode MappingKeeper} keeps, and with what. */
export interface MappingKeeperOptions {
  /** The servers, which are holders 0, 1, 2 … */
  readonly servers: readonly SocketAddress[];
  /**
   * How many further holders there are, after the servers, that hold the mapping and cannot tell what
   * it is.
   *
   * @default {0}
   */
  readonly anchors?: number | undefined;
  /** ms between two questions to one holder. */
  readonly keepAliveMs: number;
  /** Unpredictable bytes, so many at each call. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** What is to be done or told next. */
export type KeeperStep = KeeperOrder | KeeperNews;

/** What is to be done: connect to a holder, or ask it. */
export type KeeperOrder =
  | { readonly kind: "dial"; readonly holder: number }
  | { readonly kind: "ask"; readonly holder: number };

/** What has become known. */
export type KeeperNews = RefreshNews | LostNews | HolderNews;

/** A public address was learned, has changed, or was mapped anew after the NAT had forgotten it. */
export interface RefreshNews {
  /** Tells it from other news. */
  readonly kind: "refresh";
  /** What it is, and who says so. */
  readonly found: PublicAddressFinding & { readonly kind: "found" };
  /** What it was before; undefined at first and after a loss. */
  readonly previous: SocketAddress | undefined;
}

/** There is no public address any more. */
export interface LostNews {
  /** Tells it from other news. */
  readonly kind: "lost";
  /** Why, in a sentence. */
  readonly reason: string;
}

/** What a holder does. */
export interface HolderNews {
  /** Tells it from other news. */
  readonly kind: "holder";
  /** Which one. */
  readonly holder: number;
  /**
   * `connected` to it; its connection is `closed`; it does `not-hold` connections, which is known after
   * the second; a connection to it has `failed`.
   */
  readonly state: "connected" | "closed" | "not-holding" | "failed";
  /** Closed, not holding: ms that the connection lasted. */
  readonly afterMs: number | undefined;
  /** Closed, failed: why, in a sentence. */
  readonly reason: string | undefined;
  /** Closed, failed: ms until it is dialled again; undefined if it is not while others hold the mapping. */
  readonly redialMs: number | undefined;
}

/** How a connection to a holder ended. */
export interface HolderEnd {
  /** Who ended it. */
  readonly end: HoldEnd;
  /** Why, in a sentence. */
  readonly reason: string;
}

/**
 * Keeps a mapping by connections to several holders: says when to dial and when to ask whom, and what
 * the answers add up to. It has no clock and no socket:
 *
 * - {@linkcode MappingKeeper.steps} is called at the start, whenever {@linkcode MappingKeeper.nextWake}
 *   has come, and after each time that it was told something; what it returns is to be done,
 * - what becomes of it is told by the other methods. A question that is not answered in time is the end
 *   of its connection.
 *
 * Servers that are known not to hold connections are left alone while others hold the mapping. An
 * answer that brings a new address has all others asked at once; what they say is waited for, but not
 * for long, so that a change is told soon and a NAT with an address for each destination is recognised.
 */
export class MappingKeeper {
  readonly #options: MappingKeeperOptions;
  readonly #holders: readonly Holder[];
  /** Counts the changes; observations of an earlier round are out of date. */
  #round = 0;
  /** When the round is judged though not all have answered; undefined once it has been. */
  #judgeBy: number | undefined = Infinity;
  #belief: (PublicAddressFinding & { readonly kind: "found" }) | undefined;
  #depends = false;
  /** Since when it is in doubt whether the NAT remembers the mapping; undefined while it is not. */
  #doubtSince: number | undefined;
  /** When nobody has held the mapping for too long; undefined while somebody does. */
  #lostBy: number | undefined;
  #lastEnd = "";
  #news: KeeperNews[] = [];

  /** Makes a keeper that has not begun. */
  constructor(options: MappingKeeperOptions) {
    this.#options = options;
    const { servers, anchors = 0 } = options;
    this.#holders = Array.from(
      { length: servers.length + anchors },
      (_, i) => new Holder(i, i < servers.length),
    );
  }

  /** What is known of the public address. */
  get state(): "settling" | "found" | "depends" | "lost" {
    if (this.#belief !== undefined) return "found";
    if (this.#depends) return "depends";
    return this.#judgeBy === undefined ? "lost" : "settling";
  }

  /** A holder is connected. */
  connected(index: number, now: number): void {
    const holder = this.#holders[index]!;
    holder.open(now);
    this.#lostBy = undefined;
    this.#tell(holder, { state: "connected" });
    if (!holder.isServer) return;
    for (const other of this.#holders) {
      if (other.state === "idle" && other.hasHabit) this.#schedule(other, now);
    }
  }

  /** A holder could not be connected to. */
  failed(index: number, reason: string, now: number): void {
    const holder = this.#holders[index]!;
    holder.record.failed();
    this.#end(holder, { state: "failed", reason }, now);
  }

  /** A connection has ended. */
  ended(index: number, { end, reason }: HolderEnd, now: number): void {
    const holder = this.#holders[index]!;
    const afterMs = now - holder.openedAt;
    const { answers } = holder;
    const known = holder.record.ended({ heldMs: afterMs, answers, end });
    if (end === "by-us") this.#doubtSince ??= now;
    this.#end(holder, { state: "closed", reason, afterMs }, now);
    if (known) this.#tell(holder, { state: "not-holding", afterMs });
    // What ended this one may have ended all
    this.#askAll(now);
    for (const other of this.#holders) {
      if (other.state === "idle" && other.hasHabit) this.#schedule(other, now);
    }
  }

  /** A holder has answered; a server tells what it sees. */
  answered(index: number, seen: PublicAddressObservation | undefined, now: number): void {
    const holder = this.#holders[index]!;
    holder.asking = false;
    holder.answers++;
    holder.askAt = now + this.#options.keepAliveMs;
    const heldMs = now - holder.openedAt;
    holder.record.alive(heldMs);
    if (heldMs >= STEADY_MS) holder.failures = 0;
    // If one connection made before is still mapped, all are
    if (this.#isOld(holder)) this.#doubtSince = undefined;
    if (seen === undefined) return;
    const known = holder.seen?.reflexive ?? this.#belief?.publicAddress;
    holder.seen = seen;
    holder.seenIn = holder.askedIn;
    const changed = known === undefined || !equalSocketAddresses(known, seen.reflexive);
    if (changed && this.#judgeBy === undefined) {
      this.#round++;
      holder.seenIn = this.#round;
      this.#askAll(now, holder);
    } else if (holder.seenIn < this.#round) {
      holder.askAt = now;
    }
    if (!changed && this.#judgeBy === undefined) return;
    this.#judgeBy = Math.min(this.#judgeBy ?? Infinity, now + PATIENCE_MS);
  }

  /** When {@linkcode MappingKeeper.steps} wants to be called, in ms. */
  nextWake(): number {
    const due = this.#holders.map((holder) => holder.nextWake());
    return Math.min(...due, this.#judgeBy ?? Infinity, this.#lostBy ?? Infinity);
  }

  /** What is to be done and told now, in this order. */
  steps(now: number): readonly KeeperStep[] {
    const orders = this.#holders.flatMap((holder) => holder.order(now, this.#round) ?? []);
    if (this.#judgeBy === undefined || now >= this.#judgeBy || !this.#isWaiting()) this.#judge();
    this.#checkLoss(now);
    return [...this.#news.splice(0), ...orders];
  }

  get #open(): readonly Holder[] {
    return this.#holders.filter(({ state }) => state === "open");
  }

  /** Whether an answer is on its way that the round should not be judged without. */
  #isWaiting(): boolean {
    return this.#holders.some((holder) =>
      holder.isServer &&
      (holder.state === "open" ? holder.seenIn < this.#round : holder.isNew)
    );
  }

  /** Whether its connection was made before the mapping came into doubt. */
  #isOld({ openedAt }: Holder): boolean {
    return this.#doubtSince !== undefined && openedAt < this.#doubtSince;
  }

  #judge(): void {
    this.#judgeBy = undefined;
    const finding = judgePublicAddress(
      this.#open.flatMap(({ seen, seenIn }) =>
        seen === undefined || seenIn < this.#round ? [] : [seen]
      ),
    );
    switch (finding.kind) {
      case "unknown":
        return;
      case "depends":
        if (!this.#depends) this.#news.push({ kind: "lost", reason: finding.reason });
        this.#depends = true;
        this.#belief = undefined;
        return;
      case "found": {
        // One server alone cannot take back what two have shown
        if (this.#depends && finding.witnesses < 2) return;
        this.#depends = false;
        const previous = this.#belief?.publicAddress;
        const isNew = previous === undefined ||
          !equalSocketAddresses(previous, finding.publicAddress);
        const isAnew = this.#doubtSince !== undefined &&
          !this.#open.some((holder) => this.#isOld(holder));
        this.#belief = finding;
        if (!isNew && !isAnew) return;
        this.#doubtSince = undefined;
        this.#news.push({ kind: "refresh", found: finding, previous });
      }
    }
  }

  /** The address is lost when nobody holds it, and those who are dialled at once do not come. */
  #checkLoss(now: number): void {
    if (this.#belief === undefined || this.#open.length > 0) return;
    this.#lostBy ??= now + PATIENCE_MS;
    if (now < this.#lostBy && this.#holders.some(({ state }) => state === "dialling")) return;
    this.#lostBy = this.#belief = undefined;
    this.#news.push({ kind: "lost", reason: this.#lastEnd });
  }

  #end(
    holder: Holder,
    news: Pick<HolderNews, "state"> & { readonly reason: string; readonly afterMs?: number },
    now: number,
  ): void {
    holder.close();
    this.#lastEnd = news.reason;
    this.#schedule(holder, now);
    holder.failures++;
    const redialMs = holder.dialAt === Infinity ? undefined : holder.dialAt - now;
    this.#tell(holder, { ...news, redialMs });
  }

  /** Decides when to dial one that is not connected. */
  #schedule(holder: Holder, now: number): void {
    const open = this.#open;
    if (holder.hasHabit && open.some((other) => other.isServer && !other.hasHabit)) {
      holder.dialAt = Infinity;
    } else if (holder.hasHabit && open.length > 0) {
      const isSet = holder.dialAt >= now && holder.dialAt < Infinity;
      if (!isSet) holder.dialAt = now + this.#options.keepAliveMs;
    } else if (open.length === 0 && (holder.failures === 0 || holder.dialAt === Infinity)) {
      holder.dialAt = now;
    } else if (holder.dialAt < now) {
      const delayMs = redialDelayMs(Math.max(0, holder.failures - 1), this.#options.randomBytes(2));
      holder.dialAt = now + delayMs;
    }
  }

  #askAll(now: number, except?: Holder): void {
    for (const holder of this.#open) if (holder !== except) holder.askAt = now;
  }

  #tell(holder: Holder, news: Pick<HolderNews, "state"> & Partial<HolderNews>): void {
    const { state, afterMs, reason, redialMs } = news;
    this.#news.push({ kind: "holder", holder: holder.index, state, afterMs, reason, redialMs });
  }
}

/** One of those that hold the mapping, or are to. */
class Holder {
  readonly index: number;
  /** Whether it tells what it sees. */
  readonly isServer: boolean;
  readonly record = new HoldingRecord();
  state: "idle" | "dialling" | "open" = "idle";
  /** Whether nothing has become of the first attempt yet. */
  isNew = true;
  /** Idle: when to dial. */
  dialAt = -Infinity;
  /** Attempts, and connections that did not last, in a row. */
  failures = 0;
  openedAt = 0;
  askAt = 0;
  asking = false;
  answers = 0;
  seen: PublicAddressObservation | undefined;
  /** The round that the last question was asked in, and the one that the observation is of. */
  askedIn = -1;
  seenIn = -1;

  constructor(index: number, isServer: boolean) {
    this.index = index;
    this.isServer = isServer;
  }

  /** Whether it is known to close connections that are in use. */
  get hasHabit(): boolean {
    return this.record.closesAfterMs !== undefined;
  }

  open(now: number): void {
    this.state = "open";
    this.isNew = false;
    this.openedAt = this.askAt = now;
    this.answers = 0;
  }

  close(): void {
    this.state = "idle";
    this.isNew = this.asking = false;
    this.dialAt = -Infinity;
    this.seen = undefined;
    this.seenIn = -1;
  }

  nextWake(): number {
    if (this.state === "idle") return this.dialAt;
    return this.state === "open" && !this.asking ? this.askAt : Infinity;
  }

  /** What is to be done with it now, if anything, and takes it for done. */
  order(now: number, round: number): KeeperOrder | undefined {
    if (this.nextWake() > now) return undefined;
    if (this.state === "idle") {
      this.state = "dialling";
      return { kind: "dial", holder: this.index };
    }
    this.asking = true;
    this.askedIn = round;
    return { kind: "ask", holder: this.index };
  }
}

/** A connection that lasts so long counts as a success, and the next attempts are made soon again. */
const STEADY_MS = 10_000;

/** A round trip to the other end of the world, and a retransmission or two. */
const PATIENCE_MS = 2_000;
