import type { SocketAddress } from "../../wire/mod.ts";
import type { PunchCandidate } from "./punch_description.ts";

/**
 * How an address of the other side is known: by its description, or because one of its checks came
 * from there (RFC 8445 section 7.3.1.3).
 */
export type PunchPathKind = PunchCandidate["kind"] | "peer-reflexive";

/** A check that is on its way. */
export interface SentCheck {
  /** When it was sent, in ms. */
  readonly at: number;
  /** Whether it nominates its path. */
  readonly nominates: boolean;
}

/**
 * One way to the other side: which checks went there, which were answered, and when the next one is
 * due. A check is never sent twice: each has its own transaction, so that an answer tells the round
 * trip and nobody can answer for another one.
 */
export class PunchPath {
  /** Where it leads. */
  readonly remote: SocketAddress;
  /** How that address is known. */
  readonly kind: PunchPathKind;
  /** Whether an authentic check has come from there. */
  heard = false;
  /** When the next check is due, in ms. */
  nextCheck: number;
  readonly #onTheWay = new Map<string, SentCheck>();
  #waitMs = FIRST_WAIT_MS;
  /** Checks since the other side was last heard. */
  #inVain = 0;
  #rttMs: number | undefined;

  /** Makes a path that nothing has gone over yet. */
  constructor(remote: SocketAddress, init: Pick<PunchPath, "kind" | "nextCheck">) {
    // A received address is valid only until the next datagram
    this.remote = { ip: remote.ip.slice(), port: remote.port };
    this.kind = init.kind;
    this.nextCheck = init.nextCheck;
  }

  /** ms of the last answered check's round trip; undefined as long as none is answered. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** Whether it is known to work both ways. */
  get isValid(): boolean {
    return this.#rttMs !== undefined;
  }

  /** A check has come from there: asks back at once (RFC 8445 section 7.3.1.4). */
  trigger(now: number): void {
    this.heard = true;
    this.#waitMs = FIRST_WAIT_MS;
    this.#inVain = 0;
    this.nextCheck = now;
  }

  /** Notes that a check is sent, and plans the next: fast at first, then twice a second, and slower still. */
  sent(transactionId: Uint8Array, check: SentCheck): void {
    const [oldest] = this.#onTheWay.keys();
    if (this.#onTheWay.size >= MOST_ON_THE_WAY) this.#onTheWay.delete(oldest!);
    this.#onTheWay.set(transactionId.toHex(), check);
    this.nextCheck = check.at + this.#waitMs;
    const longest = ++this.#inVain < MANY_IN_VAIN ? LONG_WAIT_MS : LONGEST_WAIT_MS;
    this.#waitMs = Math.min(this.#waitMs * 1.3, longest);
  }

  /**
   * Notes an answer that came from there. Returns the check that it answers; undefined if there is
   * none, or it has been answered already.
   */
  answered(transactionId: Uint8Array, now: number): SentCheck | undefined {
    const id = transactionId.toHex();
    const check = this.#onTheWay.get(id);
    if (check === undefined) return undefined;
    this.#onTheWay.delete(id);
    this.#rttMs = now - check.at;
    return check;
  }
}

const FIRST_WAIT_MS = 100;

/** A side that begins later is found within this, once it does. */
const LONG_WAIT_MS = 500;

/** The same after 18 s or so: whoever waits for minutes must not send thousands to nobody. */
const LONGEST_WAIT_MS = 2_000;
const MANY_IN_VAIN = 40;

/** At two a second, an answer may take 8 s. */
const MOST_ON_THE_WAY = 16;
