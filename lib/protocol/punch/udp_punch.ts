import {
  type AddressFamily,
  addressFamily,
  equalSocketAddresses,
  looksLikeStun,
  type SocketAddress,
} from "../../wire/mod.ts";
import { CheckMemory } from "./check_memory.ts";
import { PunchConsent } from "./punch_consent.ts";
import {
  PunchCredentials,
  type PunchRequest,
  type PunchResponse,
  type PunchSides,
} from "./punch_credentials.ts";
import { explainPunchFailure, type PunchFailure, type PunchProgress } from "./punch_failure.ts";
import { PunchPath, type PunchPathKind } from "./punch_path.ts";

/** What a {@linkcode UdpPunch} needs. */
export interface UdpPunchOptions extends PunchSides {
  /** The family of the socket; candidates of the other one are passed over. */
  readonly family: AddressFamily;
  /** Makes bytes that nobody can predict. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** ms after which it fails. @default {15000} */
  readonly timeoutMs?: number | undefined;
}

/** A datagram that is to be sent. */
export interface UdpPunchDatagram {
  /** The payload. */
  readonly bytes: Uint8Array;
  /** Where it goes to. */
  readonly peer: SocketAddress;
}

/** What a datagram turned out to be. */
export type UdpPunchReceipt =
  /** One of the other side's messages, and what is to be answered, if anything. */
  | { readonly kind: "own"; readonly answer?: UdpPunchDatagram }
  /** It came over the path that was chosen and is not for the punch: it is the application's. */
  | { readonly kind: "data" }
  /** It came from somewhere else. */
  | { readonly kind: "stray" };

/** How a punch stands once it does not go on as it was. */
export type UdpPunchOutcome = UdpPunchConnected | UdpPunchLost | PunchFailure;

/** Both sides have agreed on a path. */
export interface UdpPunchConnected {
  /** Tells it from other outcomes. */
  readonly kind: "connected";
  /** The other side's end of the path. */
  readonly remote: SocketAddress;
  /** How that address is known. */
  readonly pathKind: PunchPathKind;
  /** ms from the beginning to the agreement. */
  readonly elapsedMs: number;
}

/** The path did work, and does no more. */
export interface UdpPunchLost {
  /** Tells it from other outcomes. */
  readonly kind: "lost";
  /** Why, in a sentence for a person. */
  readonly reason: string;
}

/**
 * One side of a UDP hole punch, without socket and clock. Both sides send authenticated Binding
 * requests to every address at which the other may be found, answer what is authentic and nothing
 * else, and check back to where it came from (RFC 8445 sections 7.2 and 7.3). Of the paths that work
 * the controlling side nominates the best, again and again until that is answered; the controlled
 * side answers a nomination only when it knows itself that the path works, so neither takes itself
 * for connected alone. The agreed path is kept open, and its loss noticed, by consent checks (RFC 7675).
 *
 * - {@linkcode UdpPunch.wake} is called at the start and whenever {@linkcode UdpPunch.nextWake} has
 *   come; what it returns is to be sent,
 * - {@linkcode UdpPunch.receive} is shown all that comes in, and returns the answer to be sent,
 * - {@linkcode UdpPunch.outcome} is there when the sides have agreed or the time is over, and changes
 *   once more if the path is lost.
 *
 * What it sends is bounded: one check in 20 ms until the end of the time, and to one address one in
 * 2 s once that has been silent for long; then one in 4 s; and one answer to each authentic check.
 */
export class UdpPunch {
  readonly #options: UdpPunchOptions;
  readonly #credentials: PunchCredentials;
  readonly #timeoutMs: number;
  readonly #memory = new CheckMemory();
  readonly #paths: PunchPath[] = [];
  #begun: number | undefined;
  #nextSend = -Infinity;
  /** The path that is nominated or agreed upon. */
  #chosen: PunchPath | undefined;
  /** Until when better paths may still turn up. */
  #settled = Infinity;
  #heardStrangers = false;
  #consent: PunchConsent | undefined;
  #outcome: UdpPunchOutcome | undefined;

  /**
   * Makes a punch that has not begun.
   *
   * @throws {RangeError} If a description cannot be used, the two are not of one punch over UDP, or the
   * time is not a positive number.
   */
  constructor(options: UdpPunchOptions) {
    const { local, timeoutMs = 15_000 } = options;
    if (local.transport !== "udp") throw new RangeError("Cannot punch over UDP: wanted UDP sides");
    if (!(timeoutMs > 0)) {
      throw new RangeError(`Cannot punch: timeoutMs is ${timeoutMs}, wanted more than 0`);
    }
    this.#options = options;
    this.#credentials = new PunchCredentials(options);
    this.#timeoutMs = timeoutMs;
  }

  /** How it stands; undefined while no path is agreed upon and there is time left. */
  get outcome(): UdpPunchOutcome | undefined {
    return this.#outcome;
  }

  /** ms of the last round trip over the agreed path; undefined without one. */
  get rttMs(): number | undefined {
    return this.#consent && this.#chosen?.rttMs;
  }

  /** When {@linkcode UdpPunch.wake} wants to be called, in ms; undefined when it is over. */
  nextWake(): number | undefined {
    if (this.#consent !== undefined) return this.#consent.nextWake;
    if (this.#outcome !== undefined) return undefined;
    if (this.#begun === undefined) return -Infinity;
    const nextCheck = Math.min(...this.#active().map((path) => path.nextCheck));
    const decision = this.#chosen === undefined ? this.#settled : Infinity;
    return Math.min(Math.max(this.#nextSend, nextCheck), decision, this.#deadline());
  }

  /** Tells the time. Returns what is to be sent now. */
  wake(now: number): readonly UdpPunchDatagram[] {
    if (this.#begun === undefined) this.#begin(now);
    if (this.#consent !== undefined) return this.#keepConsent(this.#consent, now);
    if (this.#outcome !== undefined) return [];
    this.#choose(now);
    if (now >= this.#deadline()) {
      this.#outcome = explainPunchFailure(this.#options, this.#progress());
      return [];
    }
    const path = this.#due(now);
    if (path === undefined) return [];
    this.#nextSend = now + PACE_MS;
    return [this.#check(path, now)];
  }

  /** Shows what came in. The bytes and the source are not kept. */
  receive(bytes: Uint8Array, source: SocketAddress, now: number): UdpPunchReceipt {
    if (this.#begun === undefined) return { kind: "stray" };
    const message = this.#credentials.read(bytes);
    if (message?.kind === "request") return this.#receiveRequest(message, { source, now });
    if (message?.kind === "response") return this.#receiveResponse(message, { source, now });
    this.#heardStrangers ||= looksLikeStun(bytes);
    const isOver = this.#outcome !== undefined && this.#consent === undefined;
    if (isOver || this.#chosen === undefined) return { kind: "stray" };
    return { kind: equalSocketAddresses(source, this.#chosen.remote) ? "data" : "stray" };
  }

  #begin(now: number): void {
    this.#begun = now;
    const { remote, family } = this.#options;
    for (const { kind, address } of remote.candidates) {
      if (addressFamily(address) !== family || this.#pathTo(address) !== undefined) continue;
      this.#paths.push(new PunchPath(address, { kind, nextCheck: now }));
    }
  }

  #receiveRequest(request: PunchRequest, { source, now }: Provenance): UdpPunchReceipt {
    if (this.#memory.isReplay(request.message.transactionId, source)) return SILENCE;
    const path = this.#pathTo(source) ?? this.#learn(source, now);
    if (this.#outcome !== undefined) {
      const isOpen = this.#consent !== undefined && path === this.#chosen;
      return isOpen ? this.#answer(request, source) : SILENCE;
    }
    if (path?.isValid === false) path.trigger(now);
    if (request.nominates) {
      // Unanswered until this side knows that the path works: it will be nominated again
      if (path?.isValid !== true) return SILENCE;
      this.#connect(path, now);
    }
    return this.#answer(request, source);
  }

  #receiveResponse(response: PunchResponse, { source, now }: Provenance): UdpPunchReceipt {
    const path = this.#pathTo(source);
    if (path === undefined || !response.succeeds) return SILENCE;
    const check = path.answered(response.message.transactionId, now);
    if (check === undefined) return SILENCE;
    if (this.#consent !== undefined) {
      if (path === this.#chosen) this.#consent.renew(now);
    } else if (this.#outcome === undefined) {
      if (check.nominates) this.#connect(path, now);
      else this.#choose(now);
    }
    return SILENCE;
  }

  #answer(request: PunchRequest, source: SocketAddress): UdpPunchReceipt {
    const bytes = this.#credentials.answer(request, source);
    return { kind: "own", answer: { bytes, peer: source } };
  }

  #connect(path: PunchPath, now: number): void {
    this.#chosen = path;
    this.#consent = new PunchConsent({ now, chance: this.#chance() });
    const { remote, kind: pathKind } = path;
    this.#outcome = { kind: "connected", remote, pathKind, elapsedMs: now - this.#begun! };
  }

  #keepConsent(consent: PunchConsent, now: number): readonly UdpPunchDatagram[] {
    if (consent.isExpired(now)) {
      this.#consent = undefined;
      this.#outcome = { kind: "lost", reason: "the other side has not answered for 30 s" };
      return [];
    }
    if (!consent.isCheckDue(now)) return [];
    consent.checked(now, this.#chance());
    return [this.#check(this.#chosen!, now)];
  }

  /** The controlling side nominates the best path that works, once nothing better is to be expected. */
  #choose(now: number): void {
    if (!this.#credentials.controls || this.#chosen !== undefined) return;
    const [best] = this.#paths.filter((path) => path.isValid)
      .sort((a, b) => RANKS[a.kind] - RANKS[b.kind] || a.rttMs! - b.rttMs!);
    if (best === undefined) return;
    this.#settled = Math.min(this.#settled, now + SETTLING_MS, this.#deadline());
    const hopes = this.#paths.some((path) => !path.isValid && RANKS[path.kind] < RANKS[best.kind]);
    if (hopes && now < this.#settled) return;
    this.#chosen = best;
    best.nextCheck = now;
  }

  /** A check over a path; of one that is chosen, until both sides know, a nomination. */
  #check(path: PunchPath, now: number): UdpPunchDatagram {
    const nominates = path === this.#chosen && this.#consent === undefined;
    const transactionId = this.#options.randomBytes(12);
    path.sent(transactionId, { at: now, nominates });
    if (nominates) path.nextCheck = now + NOMINATION_MS;
    return { bytes: this.#credentials.check({ transactionId, nominates }), peer: path.remote };
  }

  /** The path whose turn it is, where the other side was heard first of all. */
  #due(now: number): PunchPath | undefined {
    if (now < this.#nextSend) return undefined;
    return this.#active().filter((path) => path.nextCheck <= now)
      .sort((a, b) => Number(b.heard) - Number(a.heard) || a.nextCheck - b.nextCheck)[0];
  }

  /** The paths that are checked: those that are not known to work, or the chosen one alone. */
  #active(): readonly PunchPath[] {
    return this.#chosen === undefined
      ? this.#paths.filter((path) => !path.isValid)
      : [this.#chosen];
  }

  #pathTo(address: SocketAddress): PunchPath | undefined {
    return this.#paths.find(({ remote }) => equalSocketAddresses(remote, address));
  }

  /** A path to where an authentic check came from, if there are not too many. */
  #learn(source: SocketAddress, now: number): PunchPath | undefined {
    if (this.#outcome !== undefined || this.#paths.length >= MOST_PATHS) return undefined;
    const path = new PunchPath(source, { kind: "peer-reflexive", nextCheck: now });
    this.#paths.push(path);
    return path;
  }

  /** A nomination that is begun at the last moment would leave one side connected alone. */
  #deadline(): number {
    const end = this.#begun! + this.#timeoutMs;
    const nominates = this.#credentials.controls && this.#chosen === undefined;
    return nominates ? end - Math.min(NOMINATION_RESERVE_MS, this.#timeoutMs / 4) : end;
  }

  #progress(): PunchProgress {
    if (this.#paths.some((path) => path.isValid)) return "path";
    if (this.#paths.some((path) => path.heard)) return "peer";
    return this.#heardStrangers ? "strangers" : "nothing";
  }

  #chance(): number {
    const [high, low] = this.#options.randomBytes(2);
    return (high! * 256 + low!) / 65_535;
  }
}

interface Provenance {
  readonly source: SocketAddress;
  readonly now: number;
}

const SILENCE: UdpPunchReceipt = { kind: "own" };

/** The lower the better. A path within one network is faster, and what is announced is steadier. */
const RANKS: Readonly<Record<PunchPathKind, number>> = {
  "host": 0,
  "reflexive": 1,
  "predicted": 2,
  "peer-reflexive": 3,
};

/** ms between two checks of whatever path. RFC 8445 section 14.2 has 50; a punch is impatient. */
const PACE_MS = 20;

/** ms that better paths are waited for once one works: more than two checks of each. */
const SETTLING_MS = 250;

/** ms between two nominations. */
const NOMINATION_MS = 150;

/** ms that are kept for nominating: 16 of them all fail once in 50,000 times if 30 % is lost each way. */
const NOMINATION_RESERVE_MS = 2_500;

/** All that the other side names, and the mappings that its checks of our candidates may come from. */
const MOST_PATHS = 24;
