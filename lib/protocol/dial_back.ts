import {
  attribute,
  BINDING,
  DIAL_BACK,
  type DialBack,
  type DialBackOutcome,
  encodeMessage,
  type SocketAddress,
} from "../wire/mod.ts";
import { changeRole, type EndpointRole } from "./endpoint.ts";
import { RateLimiter } from "./rate_limiter.ts";
import type { Arrival } from "./arrival.ts";
import { TokenBucket } from "./token_bucket.ts";

/** A connection that the server is to make on a client's behalf, then close. */
export interface DialBackOrder {
  /** Where to: the reflexive address of the connection that asks, nowhere else. */
  readonly target: SocketAddress;
  /** From the IP address of which of the server's sockets. The port is the system's choice. */
  readonly from: EndpointRole;
  /** ms after which the attempt has timed out. */
  readonly timeoutMs: number;
  /** What to write once it is connected. */
  readonly greeting: Uint8Array;
  /** The answer to the client, once it is known what became of the attempt. */
  answer(outcome: DialBackOutcome, elapsedMs: number): Uint8Array;
}

/** What {@linkcode DialBackPolicy} decides of a request. */
export type DialBackDecision =
  | { readonly outcome: "not-permitted" | "unsupported" }
  | Omit<DialBackOrder, "answer">;

/** How many dial-backs a server makes. */
export interface DialBackPolicyOptions {
  /** Keys the table of sources: a random whole number, 0 to 2^53 - 1. @default {0} */
  readonly seed?: number;
}

/**
 * Decides which dial-backs are made. A dial-back goes only to where a completed TCP handshake came
 * from, so it cannot be aimed at a third party; what is left to cap is how often.
 */
export class DialBackPolicy {
  readonly #seed: number;
  #perSource: RateLimiter | undefined;
  // Each holds a socket for 5 s at most: 50 a second are 250 sockets at the worst
  readonly #inAll = new TokenBucket({ ratePerSecond: 50, burst: 100 });

  /** Makes a policy whose budgets are untouched. */
  constructor(options: DialBackPolicyOptions = {}) {
    this.#seed = options.seed ?? 0;
  }

  /** Whether to dial, where to and from where; or the outcome that needs no dialling. */
  decide(request: DialBack, arrival: Arrival): DialBackDecision {
    const { endpoint, source, now } = arrival;
    if (request.changeAddress && endpoint.group === undefined) return { outcome: "unsupported" };
    // Made when the first one asks: its tables would take a server a millisecond of its start
    this.#perSource ??= new RateLimiter({ ...PER_SOURCE, seed: this.#seed });
    if (!this.#perSource.allow(source.ip, now) || !this.#inAll.allow(now)) {
      return { outcome: "not-permitted" };
    }
    return {
      target: source,
      from: changeRole(endpoint.role, { changeAddress: request.changeAddress, changePort: false }),
      timeoutMs: DIAL_BACK_TIMEOUT_MS,
      greeting: encodeMessage({
        class: "indication",
        method: BINDING,
        // The token tells the client what the indication is about; the id has no one to pair with
        transactionId: new Uint8Array(12),
        attributes: [attribute(DIAL_BACK, request)],
      }),
    };
  }
}

/** A run of `pinhole reach` asks for a handful; then one every five seconds keeps a watch going. */
const PER_SOURCE = { ratePerSecond: 0.2, burst: 10, slots: 4096 };

/** Longer than any handshake that will succeed, short enough to wait for. */
const DIAL_BACK_TIMEOUT_MS = 5000;
