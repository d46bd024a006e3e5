import {
  addressFamily,
  attribute,
  BINDING,
  checkFingerprint,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  type EncodeMessageOptions,
  equalSocketAddresses,
  ERROR_CODE,
  findAttribute,
  FINGERPRINT,
  type MessageHeader,
  PADDING,
  REASON_PHRASES,
  type SocketAddress,
  SOFTWARE,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  unknownRequired,
  type WritableAttribute,
} from "../wire/mod.ts";
import {
  answerBinding,
  type BindingAnswer,
  knownAttributes,
  unreadableAttribute,
} from "./binding.ts";
import type { Endpoint, EndpointRole } from "./endpoint.ts";
import type { RateLimiter } from "./rate_limiter.ts";
import { type ResponderOutcome, ResponderStatistics } from "./responder_statistics.ts";

/** Bytes that came in: one datagram, or one message of a stream. */
export interface Arrival {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Where they came from, as the server saw it: the reflexive transport address. */
  readonly source: SocketAddress;
  /** The socket that they came in on. */
  readonly endpoint: Endpoint;
  /** When, in ms of a clock that never goes back. */
  readonly now: number;
}

/** Bytes that are to go out. */
export interface Reply {
  /** The bytes: one message. */
  readonly bytes: Uint8Array;
  /** Where to. On a stream it is always the source, back on the same connection. */
  readonly destination: SocketAddress;
  /** From which of the server's sockets. On a stream it is always the same connection. */
  readonly via: EndpointRole;
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
 * });
 * const message = decodeMessage(reply!.bytes);
 * assertEquals(message.ok && valueOf(message.value, XOR_MAPPED_ADDRESS), source);
 * ```
 */
export class StunResponder {
  /** What became of every arrival so far. */
  readonly statistics: ResponderStatistics = new ResponderStatistics();
  readonly #software: readonly WritableAttribute[];
  readonly #ownAddresses: readonly SocketAddress[];
  readonly #rateLimiter: RateLimiter | undefined;

  /**
   * Makes a responder.
   *
   * @throws {RangeError} If `software` has more than 127 characters.
   */
  constructor(options: StunResponderOptions = {}) {
    const { software, ownAddresses = [], rateLimiter } = options;
    this.#software = software === undefined ? [] : [attribute(SOFTWARE, software)];
    this.#ownAddresses = ownAddresses;
    this.#rateLimiter = rateLimiter;
    // Better to fail here than at the first request
    encodeMessage({ ...PROBE, attributes: this.#software });
  }

  /** The answer to what came in, or undefined where silence is the answer. */
  handle(arrival: Arrival): Reply | undefined {
    const header = this.#gate(arrival);
    if (header === undefined) return undefined;
    const decoded = decodeMessage(arrival.bytes);
    if (!decoded.ok) return this.#refuse(arrival, { header, code: 400 });
    const request = decoded.value;
    if (checkFingerprint(request) === "invalid") return this.#drop(arrival, "drop-bad-fingerprint");
    const unknown = unknownRequired(request, knownAttributes(request, arrival));
    if (unknown.length > 0) {
      const attributes = [attribute(UNKNOWN_ATTRIBUTES, unknown)];
      return this.#refuse(arrival, { header, request, code: 420, attributes });
    }
    if (unreadableAttribute(request) !== undefined) {
      return this.#refuse(arrival, { header, request, code: 400 });
    }
    const answer = answerBinding(request, arrival);
    if ("code" in answer) return this.#refuse(arrival, { header, request, code: answer.code });
    return this.#succeed(arrival, request, answer);
  }

  /** Lets through what a STUN server may answer at all (RFC 8489 section 6.3). */
  #gate(arrival: Arrival): MessageHeader | undefined {
    const header = decodeHeader(arrival.bytes);
    if (!header.ok) return this.#drop(arrival, "drop-not-stun");
    // Requests alone: answering answers would let two servers be set upon each other
    if (header.value.class !== "request") return this.#drop(arrival, "drop-not-a-request");
    if (header.value.method !== BINDING) return this.#drop(arrival, "drop-unknown-method");
    if (this.#isOurs(arrival.source)) return this.#drop(arrival, "drop-own-address");
    if (this.#rateLimiter?.allow(arrival.source.ip, arrival.now) === false) {
      return this.#drop(arrival, "drop-rate-limited");
    }
    return header.value;
  }

  #succeed(arrival: Arrival, request: StunMessage, answer: BindingAnswer): Reply {
    const { destination, via, padding } = answer;
    const encode = (attributes: readonly WritableAttribute[]) =>
      encodeMessage({
        class: "success",
        method: BINDING,
        transactionId: request.transactionId,
        attributes: [...attributes, ...this.#software],
      }, sealsFor(request));
    let bytes = encode(answer.attributes);
    if (padding > 0) {
      // RFC 5780 7.6 wants the answer padded too; it never grows beyond the request
      const room = Math.min(padding, request.bytes.length - bytes.length - 4) & ~3;
      if (room > 0) bytes = encode([...answer.attributes, attribute(PADDING, room)]);
    }
    this.#count(arrival, "success");
    return { bytes, destination, via };
  }

  #refuse(arrival: Arrival, refusal: Refusal): Reply {
    const { header, request, code, attributes = [] } = refusal;
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
      }, request === undefined ? {} : sealsFor(request)),
      destination: arrival.source,
      via: arrival.endpoint.role,
    };
  }

  #isOurs(source: SocketAddress): boolean {
    return this.#ownAddresses.some((own) => equalSocketAddresses(own, source));
  }

  #drop(arrival: Arrival, outcome: ResponderOutcome): undefined {
    this.#count(arrival, outcome);
  }

  #count(arrival: Arrival, outcome: ResponderOutcome): void {
    this.statistics.add(arrival.endpoint.transport, addressFamily(arrival.source), outcome);
  }
}

/** FINGERPRINT is in the answer exactly when it was in the request. */
function sealsFor(request: StunMessage): EncodeMessageOptions {
  return { fingerprint: findAttribute(request, FINGERPRINT.type) !== undefined };
}

/** What an error answer is made from. */
interface Refusal {
  readonly header: MessageHeader;
  /** Unknown where the attributes could not be told apart. */
  readonly request?: StunMessage;
  readonly code: 400 | 420;
  readonly attributes?: readonly WritableAttribute[];
}

const PROBE: MessageHeader = {
  class: "success",
  method: BINDING,
  transactionId: new Uint8Array(12),
};
