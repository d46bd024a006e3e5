import {
  addressFamily,
  attribute,
  BINDING,
  checkFingerprint,
  decodeHeader,
  decodeMessage,
  DIAL_BACK,
  DIAL_BACK_RESULT,
  type DialBackOutcome,
  encodeMessage,
  type EncodeMessageOptions,
  equalSocketAddresses,
  ERROR_CODE,
  HEADER_BYTES,
  type MessageHeader,
  PADDING,
  REASON_PHRASES,
  type SocketAddress,
  SOFTWARE,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  valueOf,
  type WritableAttribute,
} from "../wire/mod.ts";
import {
  answerBinding,
  type BindingAnswer,
  knownAttributes,
  unreadableAttribute,
} from "./binding.ts";
import type { AddressTokenAuthority } from "./address_token.ts";
import type { Arrival } from "./arrival.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import type { DialBackDecision, DialBackOrder, DialBackPolicy } from "./dial_back.ts";
import type { EndpointRole } from "./endpoint.ts";
import {
  type AnswerSpace,
  MAX_PLAIN_ANSWER_BYTES,
  type PlainArrival,
  plainRequest,
  writePlainAnswer,
} from "./plain_answer.ts";
import type { RateLimiter } from "./rate_limiter.ts";
import { type ResponderOutcome, ResponderStatistics } from "./responder_statistics.ts";

/** Bytes that are to go out. */
export interface Reply {
  /** The bytes: one message. */
  readonly bytes: Uint8Array;
  /** Where to. On a stream it is always the source, back on the same connection. */
  readonly destination: SocketAddress;
  /** From which of the server's sockets. On a stream it is always the same connection. */
  readonly via: EndpointRole;
  /**
   * A connection to make before answering; what becomes of it makes the answer. Whoever cannot make
   * it sends `bytes`, which say so. On streams only.
   */
  readonly dialBack?: DialBackOrder;
}

/** What a {@linkcode StunResponder} is made of. */
export interface StunResponderOptions {
  /** The text of SOFTWARE in every answer. @default {undefined} no SOFTWARE */
  readonly software?: string | undefined;
  /**
   * The sockets of the server itself, as far as their addresses are known: what claims to come from
   * one of them is never answered, so that no forged packet makes the server talk to itself.
   * @default {[]}
   */
  readonly ownAddresses?: readonly SocketAddress[];
  /** Who may ask how often. @default {undefined} everyone, always */
  readonly rateLimiter?: RateLimiter | undefined;
  /** Who may ask at all. @default {undefined} everyone */
  readonly authenticator?: Authenticator | undefined;
  /** Which dial-backs are made. @default {undefined} none: DIAL-BACK is answered "unsupported" */
  readonly dialBackPolicy?: DialBackPolicy | undefined;
  /** Issues the tokens that clients ask for. @default {undefined} ADDRESS-TOKEN is ignored */
  readonly addressTokens?: AddressTokenAuthority | undefined;
  /** Where to count: that of a former responder, when this one takes over. @default a new one */
  readonly statistics?: ResponderStatistics | undefined;
}

/**
 * Decides what a STUN server answers to each message (RFC 8489 section 6.3), in its sender's
 * dialect: RFC 8489, 5389 or 3489. It sends nothing and waits for nothing.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { StunResponder } from "@pinhole/stun";
 * import { decodeMessage, socketAddress, valueOf, XOR_MAPPED_ADDRESS } from "@pinhole/stun/wire";
 *
 * const source = socketAddress(Uint8Array.of(192, 0, 2, 1), 32853);
 * const reply = new StunResponder().handle({
 *   bytes: Uint8Array.fromHex("000100002112a442b7e7a701bc34d686fa87dfae"),
 *   source,
 *   endpoint: { transport: "udp", role: "primary" },
 *   now: 0,
 *   wallTime: 0,
 * });
 * const message = decodeMessage(reply!.bytes);
 * assertEquals(message.ok && valueOf(message.value, XOR_MAPPED_ADDRESS), source);
 * ```
 */
export class StunResponder {
  /** What became of every arrival so far. */
  readonly statistics: ResponderStatistics;
  readonly #software: readonly WritableAttribute[];
  readonly #softwareBytes: Uint8Array;
  readonly #ownAddresses: readonly SocketAddress[];
  readonly #rateLimiter: RateLimiter | undefined;
  readonly #authenticator: Authenticator | undefined;
  readonly #dialBackPolicy: DialBackPolicy | undefined;
  readonly #addressTokens: AddressTokenAuthority | undefined;

  /**
   * Makes a responder.
   *
   * @throws {RangeError} If `software` has more than 127 characters.
   */
  constructor(options: StunResponderOptions = {}) {
    const { software, ownAddresses = [] } = options;
    this.#software = software === undefined ? [] : [attribute(SOFTWARE, software)];
    this.#ownAddresses = ownAddresses;
    this.#rateLimiter = options.rateLimiter;
    this.#authenticator = options.authenticator;
    this.#dialBackPolicy = options.dialBackPolicy;
    this.#addressTokens = options.addressTokens;
    this.statistics = options.statistics ?? new ResponderStatistics();
    // Better to fail here than at the first request
    const probe = encodeMessage({ ...PROBE, attributes: this.#software });
    this.#softwareBytes = probe.slice(HEADER_BYTES);
  }

  /** The answer to what came in, or undefined where silence is the answer. */
  handle(arrival: Arrival): Reply | undefined {
    const header = this.#gate(arrival);
    if (header === undefined) return undefined;
    const decoded = decodeMessage(arrival.bytes, header);
    if (!decoded.ok) return this.#refuse(arrival, { header, code: 400 });
    const request = decoded.value;
    const fingerprint = checkFingerprint(request);
    if (fingerprint === "invalid") return this.#drop(arrival, "drop-bad-fingerprint");
    const finding = this.#authenticator?.authenticate(request, arrival) ?? ANYONE;
    if (finding.kind === "ignored") return this.#drop(arrival, "drop-challenge-limited");
    // FINGERPRINT is in the answer exactly when it was in the request
    const seals = fingerprint === "valid" ? { ...finding.seals, fingerprint: true } : finding.seals;
    if (finding.kind === "unauthenticated") {
      const { code, attributes } = finding;
      return this.#refuse(arrival, { header, code, attributes, seals });
    }
    if (request.attributes.length > 0) {
      const unknown = unknownRequired(request, knownAttributes(request, arrival));
      if (unknown.length > 0) {
        const attributes = [attribute(UNKNOWN_ATTRIBUTES, unknown)];
        return this.#refuse(arrival, { header, code: 420, attributes, seals });
      }
      if (unreadableAttribute(request) !== undefined) {
        return this.#refuse(arrival, { header, code: 400, seals });
      }
    }
    const answer = answerBinding(request, arrival, this.#addressTokens);
    if ("code" in answer) return this.#refuse(arrival, { header, code: answer.code, seals });
    return this.#succeed(arrival, { request, answer, seals });
  }

  /** How many bytes an answer of {@linkcode StunResponder.answerPlain} has at most. */
  get plainAnswerBytes(): number {
    return MAX_PLAIN_ANSWER_BYTES + this.#softwareBytes.length;
  }

  /**
   * The short way to the commonest answer, the same as {@linkcode StunResponder.handle} gives:
   * written into the caller's buffer, to be sent to the source from the socket of the arrival. Returns
   * how many bytes it has; 0 where silence is the answer; -1 for what only `handle()` can answer, and
   * then nothing has been counted.
   */
  answerPlain(arrival: PlainArrival, into: AnswerSpace): number {
    const { endpoint, source } = arrival;
    if (endpoint.group !== undefined || this.#authenticator !== undefined) return -1;
    const kind = plainRequest(arrival);
    if (kind === undefined) return -1;
    if (!this.#admit(arrival)) return 0;
    this.#count(arrival, "success");
    const software = this.#softwareBytes;
    return writePlainAnswer(
      { request: arrival, sealed: kind === "sealed", source, software },
      into,
    );
  }

  /** Lets through what a STUN server may answer at all (RFC 8489 section 6.3). */
  #gate(arrival: Arrival): MessageHeader | undefined {
    const header = decodeHeader(arrival.bytes);
    if (!header.ok) return this.#drop(arrival, "drop-not-stun");
    // Requests alone: answering answers would let two servers be set upon each other
    if (header.value.class !== "request") return this.#drop(arrival, "drop-not-a-request");
    if (header.value.method !== BINDING) return this.#drop(arrival, "drop-unknown-method");
    return this.#admit(arrival) ? header.value : undefined;
  }

  #admit(arrival: Circumstances): boolean {
    const { source, now } = arrival;
    for (const own of this.#ownAddresses) {
      if (equalSocketAddresses(own, source)) {
        this.#count(arrival, "drop-own-address");
        return false;
      }
    }
    if (this.#rateLimiter?.allow(source.ip, now) === false) {
      this.#count(arrival, "drop-rate-limited");
      return false;
    }
    return true;
  }

  #succeed(arrival: Arrival, success: Success): Reply {
    const { request, answer, seals } = success;
    const { destination, via, padding } = answer;
    const encode = (...more: readonly WritableAttribute[]) =>
      encodeMessage({
        class: "success",
        method: BINDING,
        transactionId: request.transactionId,
        attributes: answer.attributes.concat(this.#software, more),
      }, seals);
    this.#count(arrival, "success");
    const dialBack = this.#decideDialBack(request, arrival);
    if (dialBack !== undefined) {
      if ("outcome" in dialBack) this.statistics.declineDialBack(dialBack.outcome);
      const bytes = (outcome: DialBackOutcome, elapsedMs: number) =>
        encode(attribute(DIAL_BACK_RESULT, { outcome, elapsedMs }));
      return "outcome" in dialBack ? { bytes: bytes(dialBack.outcome, 0), destination, via } : {
        bytes: bytes("unsupported", 0),
        destination,
        via,
        dialBack: { ...dialBack, answer: bytes },
      };
    }
    const bytes = encode();
    // RFC 5780 7.6 wants the answer padded too; it never grows beyond the request
    const room = Math.min(padding, request.bytes.length - bytes.length - 4) & ~3;
    return { bytes: room > 0 ? encode(attribute(PADDING, room)) : bytes, destination, via };
  }

  /** DIAL-BACK means something on streams alone; elsewhere it is one more attribute to ignore. */
  #decideDialBack(request: StunMessage, arrival: Arrival): DialBackDecision | undefined {
    if (arrival.endpoint.transport === "udp") return undefined;
    const wanted = valueOf(request, DIAL_BACK);
    if (wanted === undefined) return undefined;
    return this.#dialBackPolicy?.decide(wanted, arrival) ?? { outcome: "unsupported" };
  }

  #refuse(arrival: Arrival, refusal: Refusal): Reply {
    const { header, code, attributes = [], seals = {} } = refusal;
    this.#count(arrival, `error-${code}`);
    // Over UDP words would only make a forged request worth more; RFC 3489 wants them in fours
    const wordless = arrival.endpoint.transport === "udp" || header.transactionId.length === 16;
    const reason = wordless ? "" : REASON_PHRASES.get(code) ?? "";
    return {
      bytes: encodeMessage({
        class: "error",
        method: header.method,
        transactionId: header.transactionId,
        attributes: [attribute(ERROR_CODE, { code, reason }), ...attributes, ...this.#software],
      }, seals),
      destination: arrival.source,
      via: arrival.endpoint.role,
    };
  }

  #drop(arrival: Arrival, outcome: ResponderOutcome): undefined {
    this.#count(arrival, outcome);
  }

  #count(arrival: Circumstances, outcome: ResponderOutcome): void {
    this.statistics.add(arrival.endpoint.transport, addressFamily(arrival.source), outcome);
  }
}

/** Where, when and from whom. */
type Circumstances = Pick<Arrival, "source" | "endpoint" | "now">;

/** What a success answer is made from. */
interface Success {
  readonly request: StunMessage;
  readonly answer: BindingAnswer;
  readonly seals: EncodeMessageOptions;
}

/** What an error answer is made from. */
interface Refusal {
  readonly header: MessageHeader;
  readonly code: 400 | 401 | 420 | 438;
  readonly attributes?: readonly WritableAttribute[];
  /** Unknown where the attributes could not be told apart. */
  readonly seals?: EncodeMessageOptions;
}

const ANYONE: Authentication = { kind: "authenticated", seals: {} };

const PROBE: MessageHeader = {
  class: "success",
  method: BINDING,
  transactionId: new Uint8Array(12),
};
