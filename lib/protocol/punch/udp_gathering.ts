import {
  equalSocketAddresses,
  looksLikeStun,
  MAPPED_ADDRESS,
  type SocketAddress,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import { ClientTransaction } from "../client/mod.ts";
import type { MappingObservation } from "../discovery/mod.ts";
import { bindingRequest } from "../discovery/mod.ts";
import type { UdpPunchDatagram } from "./udp_punch.ts";

/** What a {@linkcode UdpGathering} needs. */
export interface UdpGatheringOptions {
  /** The servers to ask, in this order. */
  readonly servers: readonly SocketAddress[];
  /** Makes 12 bytes that nobody can predict. */
  readonly transactionId: () => Uint8Array;
}

/**
 * Asks servers where they see a UDP socket, all at once, and then keeps the mapping towards those that
 * answered, without socket and clock. It is driven as a `UdpPunch` is.
 */
export class UdpGathering {
  readonly #options: UdpGatheringOptions;
  readonly #questions: readonly Question[];
  #nextRefresh = Infinity;

  /** Makes one that has asked nobody yet. */
  constructor(options: UdpGatheringOptions) {
    this.#options = options;
    this.#questions = options.servers.map((server) => ({
      server,
      transaction: new ClientTransaction({
        ...TIMING,
        request: bindingRequest(options.transactionId()),
        server,
        reliable: false,
      }),
    }));
  }

  /** Whether every server has answered or been given up. */
  get isSettled(): boolean {
    return this.#questions.every(({ transaction }) => transaction.outcome !== undefined);
  }

  /** What the servers that answered saw, in the order in which they were asked. */
  get observations(): readonly MappingObservation[] {
    return this.#questions.flatMap(({ server, transaction: { outcome } }) => {
      if (outcome?.kind !== "answered" || outcome.response.class !== "success") return [];
      const { response } = outcome;
      const reflexive = valueOf(response, XOR_MAPPED_ADDRESS) ?? valueOf(response, MAPPED_ADDRESS);
      return reflexive === undefined ? [] : [{ to: server, reflexive }];
    });
  }

  /** When {@linkcode UdpGathering.wake} wants to be called, in ms; undefined for never again. */
  nextWake(): number | undefined {
    const wakes = this.#questions.map(({ transaction }) => transaction.nextWake() ?? Infinity);
    const next = Math.min(this.#nextRefresh, ...wakes);
    return next === Infinity ? undefined : next;
  }

  /** Tells the time. Returns what is to be sent now. */
  wake(now: number): readonly UdpPunchDatagram[] {
    const sent = this.#questions.flatMap(({ server, transaction }) => {
      const bytes = transaction.wake(now);
      return bytes === undefined ? [] : [{ bytes, peer: server }];
    });
    return [...sent, ...this.#refresh(now)];
  }

  /** Shows what came in. Returns whether it is a server's message, and so nobody else's. */
  receive(bytes: Uint8Array, source: SocketAddress, now: number): boolean {
    const question = this.#questions.find(({ server }) => equalSocketAddresses(server, source));
    if (question === undefined || !looksLikeStun(bytes)) return false;
    question.transaction.receive(bytes, source, now);
    return true;
  }

  /** Binding requests whose answers nobody waits for: all that counts is that they go out. */
  #refresh(now: number): readonly UdpPunchDatagram[] {
    if (this.#nextRefresh === Infinity) this.#nextRefresh = now + REFRESH_MS;
    if (now < this.#nextRefresh) return [];
    this.#nextRefresh = now + REFRESH_MS;
    return this.observations.map(({ to }) => {
      return { bytes: bindingRequest(this.#options.transactionId()), peer: to };
    });
  }
}

interface Question {
  readonly server: SocketAddress;
  readonly transaction: ClientTransaction;
}

/** Six requests, of which with 30 % lost each way one is answered in 98 of 100 cases. */
const TIMING = { rtoMs: 250, maxWaitMs: 500, maxRequests: 6, timeoutMs: 3_000 } as const;

/** RFC 8445 section 11: a mapping is refreshed every 15 s. */
const REFRESH_MS = 15_000;
