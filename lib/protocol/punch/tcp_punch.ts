import {
  type AddressFamily,
  equalIps,
  equalSocketAddresses,
  type SocketAddress,
} from "../../wire/mod.ts";
import { PunchCredentials, type PunchSides } from "./punch_credentials.ts";
import type { PunchCandidate } from "./punch_description.ts";
import { explainPunchFailure, type PunchFailure, type PunchProgress } from "./punch_failure.ts";
import { type TcpDialFailure, TcpDialSchedule } from "./tcp_dial_schedule.ts";
import { TcpPunchLink, type TcpPunchLinkStep } from "./tcp_punch_link.ts";

export type { TcpDialFailure } from "./tcp_dial_schedule.ts";

/** What a {@linkcode TcpPunch} is made of. */
export interface TcpPunchOptions extends PunchSides {
  /** Unpredictable bytes, as many as are asked for, new ones at each call. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Which of the other side's addresses can be dialled from here. @default {undefined} all */
  readonly family?: AddressFamily | undefined;
  /**
   * ms after which to give up; up to 5 s more if this side has chosen a connection and only the other
   * side's answer is missing, so that not one of them gives up what the other holds.
   *
   * @default {15_000}
   */
  readonly timeoutMs?: number | undefined;
}

/** What a {@linkcode TcpPunch} wants done. Connections have numbers, attempts included. */
export type TcpPunchAction =
  /** Connect from the one local port, for as long as it takes to succeed, to fail or to be closed. */
  | { readonly kind: "dial"; readonly connection: number; readonly to: SocketAddress }
  /** Write, and let nothing overtake it. */
  | { readonly kind: "write"; readonly connection: number; readonly bytes: Uint8Array }
  /** Close, or give the attempt up; nothing of it is to be told any more. */
  | { readonly kind: "close"; readonly connection: number };

/** How a {@linkcode TcpPunch} ended. */
export type TcpPunchOutcome = TcpPunchSuccess | PunchFailure;

/** The two sides have agreed on a connection. All others are closed. */
export interface TcpPunchSuccess {
  /** Tells it from a failure. */
  readonly kind: "connected";
  /** The number of the connection. */
  readonly connection: number;
  /** Where the other side is. */
  readonly remote: SocketAddress;
  /** The other side's candidate that this is; undefined if it had not announced the address. */
  readonly candidate: PunchCandidate | undefined;
  /** Whether this side has dialled; else it was dialled. */
  readonly dialled: boolean;
  /** The first of the other side's bytes, as far as they are there already. */
  readonly rest: Uint8Array;
}

/**
 * Two sides behind NATs connect over TCP: both dial the addresses that the other has announced, and
 * listen, all on one local port, whose mapping a server has seen (RFC 5128 section 3.4). On what comes
 * about each proves to the other who it is; the controlling side chooses one connection.
 *
 * It has no clock and no socket. {@linkcode TcpPunch.wake} is called at the start and whenever
 * {@linkcode TcpPunch.nextWake} has come, the other methods when something has happened, until
 * {@linkcode TcpPunch.outcome} is there. The actions that they return are to be carried out in their
 * order, also those that come with the outcome.
 */
export class TcpPunch {
  readonly #options: TcpPunchOptions;
  readonly #credentials: PunchCredentials;
  readonly #connections = new Map<number, Connection>();
  #schedules: readonly TcpDialSchedule[] = [];
  #deadline: number | undefined;
  #nominateAt = Infinity;
  #nominated: number | undefined;
  #progress: PunchProgress = "nothing";
  #lastNumber = 0;
  #outcome: TcpPunchOutcome | undefined;

  /**
   * Makes a punch that has not begun.
   *
   * @throws {RangeError} If one of the descriptions cannot be used, or the two are not of one punch.
   */
  constructor(options: TcpPunchOptions) {
    this.#options = options;
    this.#credentials = new PunchCredentials(options);
  }

  /** How it ended; undefined while it goes on. */
  get outcome(): TcpPunchOutcome | undefined {
    return this.#outcome;
  }

  /** How often the other side was dialled. */
  get attempts(): number {
    return this.#schedules.reduce((sum, { dials }) => sum + dials, 0);
  }

  /** When {@linkcode TcpPunch.wake} wants to be called, in ms; undefined when it is over. */
  nextWake(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    if (this.#deadline === undefined) return -Infinity;
    return Math.min(
      this.#deadline,
      this.#nominateAt,
      ...this.#idleSchedules().map(({ nextAt }) => nextAt),
      ...this.#connections.values().map(({ until }) => until),
    );
  }

  /** Tells the time. */
  wake(now: number): readonly TcpPunchAction[] {
    if (this.#outcome !== undefined) return [];
    if (this.#deadline === undefined) this.#begin(now);
    if (now >= this.#deadline!) return this.#fail();
    return [...this.#expire(now), ...this.#nominate(now), ...this.#dial(now)];
  }

  /** An attempt has succeeded. */
  connected(connection: number, now: number): readonly TcpPunchAction[] {
    const found = this.#connections.get(connection);
    if (found === undefined || this.#outcome !== undefined) return [];
    found.link = this.#linkTo(found.remote);
    found.until = now + VERIFY_MS;
    return [{ kind: "write", connection, bytes: found.link.begin() }];
  }

  /** An attempt has failed. */
  dialFailed(connection: number, why: TcpDialFailure, now: number): readonly TcpPunchAction[] {
    const found = this.#connections.get(connection);
    if (found === undefined) return [];
    this.#connections.delete(connection);
    found.schedule?.fail(why, now);
    const isOutside = found.schedule?.candidate.kind !== "host";
    // That there is no way to a private address says nothing of the other side
    if (why === "refused" || (why === "unreachable" && isOutside)) this.#advance("refusals");
    return [];
  }

  /**
   * Somebody has connected. Returns the connection's number; undefined if there are too many who have
   * not proved who they are, then it is to be closed.
   */
  accepted(remote: SocketAddress, now: number): number | undefined {
    if (this.#outcome !== undefined || this.#deadline === undefined) return undefined;
    const isKnown = (one: SocketAddress) =>
      this.#options.remote.candidates.some(({ address }) => equalIps(address.ip, one.ip));
    const known = isKnown(remote);
    const guests = this.#connections.values()
      .filter((one) => one.schedule === undefined && isKnown(one.remote) === known);
    if ([...guests].length >= (known ? MAX_GUESTS : MAX_STRANGERS)) return undefined;
    const connection = ++this.#lastNumber;
    this.#connections.set(connection, {
      remote,
      schedule: undefined,
      link: this.#linkTo(remote),
      until: now + VERIFY_MS,
    });
    return connection;
  }

  /** Bytes have come in, which are the caller's again afterwards. */
  received(connection: number, bytes: Uint8Array, now: number): readonly TcpPunchAction[] {
    const found = this.#connections.get(connection);
    if (found?.link === undefined || this.#outcome !== undefined) return [];
    const wasVerified = found.link.isVerified;
    const step = found.link.receive(bytes);
    if (step.event === "foreign") return this.#dismiss(connection, now);
    const writes = step.writes.map((bytes) => ({ kind: "write", connection, bytes }) as const);
    if (step.event === "agreed") return [...writes, ...this.#succeed(connection, step)];
    if (step.writes.length > 0) this.#advance("peer");
    if (wasVerified || !found.link.isVerified) return writes;
    this.#advance("path");
    found.until = Infinity;
    this.#planNomination(now);
    return [...writes, ...this.#nominate(now)];
  }

  /** A connection has ended or broken off, whoever did it. */
  ended(connection: number, now: number): readonly TcpPunchAction[] {
    return this.#outcome === undefined ? this.#dismiss(connection, now) : [];
  }

  #begin(now: number): void {
    const { local, remote, randomBytes, family, timeoutMs = 15_000 } = this.#options;
    this.#deadline = now + timeoutMs;
    const own = local.candidates.filter(({ kind }) => kind === "host");
    // In other people's networks there is the same address as often as not: one's own, to connect to
    // which means to meet oneself
    const targets = remote.candidates.filter(({ address }) =>
      (family === undefined || address.ip.length === (family === 4 ? 4 : 16)) &&
      !own.some((one) => equalSocketAddresses(one.address, address))
    );
    const outside = targets.filter(({ kind }) => kind !== "host");
    const quickDials = Math.floor(MAX_QUICK_DIALS / Math.max(1, outside.length));
    const draw = () => randomBytes(4).reduce((sum, byte) => (sum + byte) / 256, 0);
    this.#schedules = targets.map((candidate) =>
      new TcpDialSchedule({
        candidate,
        // What a NAT that counts has predicted must not be used up by addresses in its own network
        startsAt: now + (candidate.kind === "host" ? HOST_DELAY_MS : 0),
        // A refusal from a host's own address is none of a NAT: it does not listen yet. And who comes
        // from another port than was announced is dialled to be let in, not to be met
        quickDials: candidate.kind === "host" || remote.side?.mapping.depends ? 0 : quickDials,
        draw,
      })
    );
  }

  #dial(now: number): TcpPunchAction[] {
    return this.#idleSchedules().filter(({ nextAt }) => nextAt <= now).map((schedule) => {
      const connection = ++this.#lastNumber;
      const to = schedule.candidate.address;
      schedule.begin(now);
      this.#connections.set(connection, {
        remote: to,
        schedule,
        link: undefined,
        until: Infinity,
      });
      return { kind: "dial", connection, to };
    });
  }

  /** Those whose address there is no connection to and no attempt at one; none once one is chosen. */
  #idleSchedules(): readonly TcpDialSchedule[] {
    if (this.#nominated !== undefined) return [];
    return this.#schedules.filter(({ candidate }) =>
      !this.#connections.values().some(({ remote }) =>
        equalSocketAddresses(remote, candidate.address)
      )
    );
  }

  /** Sends those away who have not proved themselves in time. */
  #expire(now: number): TcpPunchAction[] {
    const late = [...this.#connections].filter(([, { until }]) => until <= now);
    return late.flatMap(([connection]) => this.#dismiss(connection, now));
  }

  /** Ends one connection; the others go on, and its address may be dialled again. */
  #dismiss(connection: number, now: number): TcpPunchAction[] {
    const found = this.#connections.get(connection);
    if (found === undefined) return [];
    this.#connections.delete(connection);
    found.schedule?.fail("other", now);
    if (!found.link?.isVerified) this.#advance("strangers");
    if (this.#nominated === connection) this.#nominated = undefined;
    this.#planNomination(now);
    return [{ kind: "close", connection }, ...this.#nominate(now)];
  }

  /**
   * The first connection that is verified is the quickest, as a rule. But where the other side's own
   * address may be reached as well, that way is worth a moment: it spares the NAT that turns packets
   * round.
   */
  #planNomination(now: number): void {
    if (!this.#credentials.controls || this.#nominated !== undefined) return;
    const best = this.#bestVerified();
    if (best === undefined) {
      this.#nominateAt = Infinity;
      return;
    }
    const mayWait = this.#candidateAt(best[1].remote)?.kind !== "host" &&
      this.#schedules.some(({ candidate }) => candidate.kind === "host");
    this.#nominateAt = Math.min(this.#nominateAt, now + SETTLE_MS);
    if (!mayWait) this.#nominateAt = now;
  }

  #nominate(now: number): TcpPunchAction[] {
    if (now < this.#nominateAt || this.#nominated !== undefined) return [];
    this.#nominateAt = Infinity;
    const best = this.#bestVerified();
    if (best === undefined) return [];
    const [connection, { link }] = best;
    this.#nominated = connection;
    this.#deadline = Math.max(this.#deadline!, now + ANSWER_MS);
    return [{ kind: "write", connection, bytes: link!.nominate() }];
  }

  #bestVerified(): readonly [number, Connection] | undefined {
    const verified = [...this.#connections].filter(([, { link }]) => link?.isVerified);
    return verified.find(([, { remote }]) => this.#candidateAt(remote)?.kind === "host") ??
      verified[0];
  }

  #succeed(connection: number, { rest }: TcpPunchLinkStep): TcpPunchAction[] {
    const { remote, schedule } = this.#connections.get(connection)!;
    this.#connections.delete(connection);
    this.#outcome = {
      kind: "connected",
      connection,
      remote,
      candidate: this.#candidateAt(remote),
      dialled: schedule !== undefined,
      rest: rest!,
    };
    return this.#closeAll();
  }

  #fail(): TcpPunchAction[] {
    this.#outcome = explainPunchFailure(this.#options, this.#progress);
    return this.#closeAll();
  }

  #closeAll(): TcpPunchAction[] {
    const all = [...this.#connections.keys()];
    this.#connections.clear();
    return all.map((connection) => ({ kind: "close", connection }));
  }

  #advance(to: PunchProgress): void {
    if (STAGES.indexOf(to) > STAGES.indexOf(this.#progress)) this.#progress = to;
  }

  #candidateAt(remote: SocketAddress): PunchCandidate | undefined {
    return this.#options.remote.candidates
      .find(({ address }) => equalSocketAddresses(address, remote));
  }

  #linkTo(remote: SocketAddress): TcpPunchLink {
    const transactionId = () => this.#options.randomBytes(12);
    return new TcpPunchLink({ credentials: this.#credentials, remote, transactionId });
  }
}

/** A connection, or an attempt at one. */
interface Connection {
  readonly remote: SocketAddress;
  /** What has dialled it; undefined if it was accepted. */
  readonly schedule: TcpDialSchedule | undefined;
  /** The conversation; undefined while it is an attempt. */
  link: TcpPunchLink | undefined;
  /** When it is given up, in ms, if the other end has not proved by then who it is. */
  until: number;
}

const STAGES: readonly PunchProgress[] = ["nothing", "refusals", "strangers", "peer", "path"];

/** Three round trips of 300 ms each, one of whose packets is lost and comes after 1 or 2 s more. */
const VERIFY_MS = 4000;

/** One round trip, in which a packet is lost two times and comes after 1 and 2 s more. */
const ANSWER_MS = 5000;

/** A direct way within one network takes a few ms, and has begun when the others did. */
const SETTLE_MS = 150;
const HOST_DELAY_MS = 50;

/**
 * Who comes from an address that the other side has announced has places of its own, which others
 * cannot take. A side has some ten connections at the most under way at a time.
 */
const MAX_GUESTS = 16;
const MAX_STRANGERS = 8;

/** SYNs in quick succession, all addresses together: 8 s of them where a NAT refuses at once. */
const MAX_QUICK_DIALS = 1000;
