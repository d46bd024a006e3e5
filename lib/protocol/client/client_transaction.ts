import {
  checkFingerprint,
  decodeMessage,
  equalSocketAddresses,
  type SocketAddress,
  type StunMessage,
} from "../../wire/mod.ts";

/** When a client sends again and when it gives up (RFC 8489 section 6.2). */
export interface TransactionTiming {
  /** UDP: ms until the first retransmission; each wait is twice the last. @default {500} */
  readonly rtoMs?: number | undefined;
  /** UDP: the longest wait between two requests in ms, where doubling is to end. @default {Infinity} */
  readonly maxWaitMs?: number | undefined;
  /** UDP: Rc, how often the request is sent at most. @default {7} */
  readonly maxRequests?: number | undefined;
  /** UDP: Rm, the last wait in multiples of the first. @default {16} */
  readonly lastWaitFactor?: number | undefined;
  /** ms after which the transaction fails in any case; over TCP the only limit. @default {39500} */
  readonly timeoutMs?: number | undefined;
}

/** What a {@linkcode ClientTransaction} is about. */
export interface ClientTransactionOptions extends TransactionTiming {
  /** The encoded request. */
  readonly request: Uint8Array;
  /** Where it goes to. */
  readonly server: SocketAddress;
  /**
   * From where an answer counts: from the server's address alone, or from anywhere, for requests
   * that ask to be answered from elsewhere (RFC 5780 section 7.2). @default {"server"}
   */
  readonly answersFrom?: "server" | "anywhere" | undefined;
  /**
   * What ends it: an answer, or the arrival of the request itself, sent to an outside endpoint of
   * this very host to see whether the NAT turns it round (RFC 4787 section 6). @default {"answer"}
   */
  readonly expects?: "answer" | "itself" | undefined;
  /** Whether the transport delivers by itself (TCP, TLS): then the request is sent once. */
  readonly reliable: boolean;
  /**
   * Whether an answer can be believed, where the request is authenticated (RFC 8489 sections 9.1.4
   * and 9.2.5). One that cannot does not end the transaction, unless the transport is reliable: then
   * no other will come.
   *
   * @default {undefined} every answer can
   */
  readonly accepts?: ((response: StunMessage) => boolean) | undefined;
}

/** How a transaction ended. */
export type TransactionOutcome = TransactionAnswer | TransactionUnverified | TransactionTimeout;

/** The server answered. */
export interface TransactionAnswer {
  /** Tells an answer from a timeout. */
  readonly kind: "answered";
  /** The success or error response. */
  readonly response: StunMessage;
  /** Where it came from. */
  readonly source: SocketAddress;
  /**
   * ms from the last sending to the answer. After a retransmission nobody can tell which sending was
   * answered, so it is then a lower bound.
   */
  readonly rttMs: number;
  /** How often the request was sent. */
  readonly attempts: number;
}

/** All answers were such as cannot be believed: their integrity is violated or missing. */
export interface TransactionUnverified {
  /** Tells it from an answer and a timeout. */
  readonly kind: "unverified";
  /** The last of these answers. */
  readonly response: StunMessage;
  /** How often the request was sent. */
  readonly attempts: number;
}

/** Nobody answered in time. */
export interface TransactionTimeout {
  /** Tells a timeout from an answer. */
  readonly kind: "timed-out";
  /** How often the request was sent. */
  readonly attempts: number;
  /** How many bytes arrived that could have been an answer but were from elsewhere or to another request. */
  readonly strays: number;
}

/**
 * One request and its answer, seen from the client (RFC 8489 section 6.2): says when to send and
 * when to give up, and knows the answer when it sees it. It has no clock and no socket:
 *
 * - {@linkcode ClientTransaction.wake} is called at the start and whenever
 *   {@linkcode ClientTransaction.nextWake} has come; what it returns is to be sent,
 * - {@linkcode ClientTransaction.receive} is shown all that comes in,
 * - until {@linkcode ClientTransaction.outcome} is there.
 */
export class ClientTransaction {
  readonly #options: ClientTransactionOptions;
  readonly #transactionId: Uint8Array;
  readonly #rtoMs: number;
  readonly #maxRequests: number;
  readonly #lastWaitFactor: number;
  readonly #timeoutMs: number;
  #deadline = Infinity;
  #nextSend = -Infinity;
  #lastSent = 0;
  #attempts = 0;
  #strays = 0;
  #unverified: StunMessage | undefined;
  #outcome: TransactionOutcome | undefined;

  /**
   * Makes a transaction that has not begun.
   *
   * @throws {RangeError} If the request is not a STUN request or a duration is not a positive number.
   */
  constructor(options: ClientTransactionOptions) {
    const request = decodeMessage(options.request);
    if (!request.ok || request.value.class !== "request") {
      throw new RangeError("Cannot start a transaction: the bytes are not a STUN request");
    }
    this.#options = options;
    this.#transactionId = request.value.transactionId;
    this.#rtoMs = positive("rtoMs", options.rtoMs ?? 500);
    this.#maxRequests = positive("maxRequests", options.reliable ? 1 : options.maxRequests ?? 7);
    this.#lastWaitFactor = positive("lastWaitFactor", options.lastWaitFactor ?? 16);
    this.#timeoutMs = positive("timeoutMs", options.timeoutMs ?? 39_500);
  }

  /** How it ended; undefined while it goes on. */
  get outcome(): TransactionOutcome | undefined {
    return this.#outcome;
  }

  /** When {@linkcode ClientTransaction.wake} wants to be called, in ms; undefined when it is over. */
  nextWake(): number | undefined {
    if (this.#outcome !== undefined) return undefined;
    return Math.min(this.#nextSend, this.#deadline);
  }

  /** Tells the time. Returns the request if it is to be sent now. */
  wake(now: number): Uint8Array | undefined {
    if (this.#outcome !== undefined) return undefined;
    if (this.#attempts === 0) this.#deadline = now + this.#timeoutMs;
    if (now >= this.#deadline) return this.#giveUp();
    if (now < this.#nextSend) return undefined;
    if (this.#attempts >= this.#maxRequests) return this.#giveUp();
    this.#attempts++;
    this.#lastSent = now;
    this.#nextSend = this.#options.reliable ? Infinity : now + this.#wait();
    return this.#options.request;
  }

  /**
   * Shows what came in. Returns whether it was the answer: a response that carries this
   * transaction's id, comes from where the request went to, has no bad FINGERPRINT, and is accepted;
   * or, over a reliable transport, is not accepted, which is the end too. The bytes are copied.
   */
  receive(bytes: Uint8Array, source: SocketAddress, now: number): boolean {
    if (this.#outcome !== undefined || this.#attempts === 0) return false;
    // A socket receives into one buffer: without a copy, whoever sends next rewrites the answer
    const decoded = decodeMessage(bytes.slice());
    if (!decoded.ok || !this.#isAnswer(decoded.value, source)) {
      this.#strays++;
      return false;
    }
    const response = decoded.value;
    if (this.#options.accepts?.(response) === false) {
      this.#unverified = response;
      if (this.#options.reliable) this.#giveUp();
      return this.#options.reliable;
    }
    this.#outcome = {
      kind: "answered",
      response,
      source: { ip: source.ip.slice(), port: source.port },
      rttMs: now - this.#lastSent,
      attempts: this.#attempts,
    };
    return true;
  }

  #isAnswer(message: StunMessage, source: SocketAddress): boolean {
    if (this.#options.expects === "itself") {
      return equalBytes(message.bytes, this.#options.request);
    }
    return (message.class === "success" || message.class === "error") &&
      equalBytes(message.transactionId, this.#transactionId) &&
      (this.#options.answersFrom === "anywhere" ||
        equalSocketAddresses(source, this.#options.server)) &&
      checkFingerprint(message) !== "invalid";
  }

  /** RTO, 2 RTO, 4 RTO … and after the last request Rm RTO (RFC 8489 section 6.2.1). */
  #wait(): number {
    return this.#attempts < this.#maxRequests
      ? Math.min(this.#rtoMs * 2 ** (this.#attempts - 1), this.#options.maxWaitMs ?? Infinity)
      : this.#rtoMs * this.#lastWaitFactor;
  }

  #giveUp(): undefined {
    const attempts = this.#attempts;
    this.#outcome = this.#unverified === undefined
      ? { kind: "timed-out", attempts, strays: this.#strays }
      : { kind: "unverified", response: this.#unverified, attempts };
  }
}

function positive(name: string, value: number): number {
  if (!(value > 0)) {
    throw new RangeError(`Cannot start a transaction: ${name} is ${value}, wanted more than 0`);
  }
  return value;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
