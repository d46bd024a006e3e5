import type { EncodeMessageOptions, StunMessage, WritableAttribute } from "../wire/mod.ts";
import type { Arrival } from "./arrival.ts";

/** Decides whether a request is from whom it says it is (RFC 8489 section 9). */
export interface Authenticator {
  /** Looks at one request, before its unknown attributes are (RFC 8489 section 6.3.1). */
  authenticate(request: StunMessage, arrival: Arrival): Authentication;
}

/** What an {@linkcode Authenticator} finds. */
export type Authentication = Authenticated | Unauthenticated | Ignored;

/** The request is authentic. */
export interface Authenticated {
  /** Which of the findings it is. */
  readonly kind: "authenticated";
  /** How the answer is to be protected: under the same key, with the same algorithm. */
  readonly seals: EncodeMessageOptions;
}

/** The request is to be refused. */
export interface Unauthenticated {
  /** Which of the findings it is. */
  readonly kind: "unauthenticated";
  /** The error code. */
  readonly code: 400 | 401 | 438;
  /** What the error answer carries beside ERROR-CODE. */
  readonly attributes: readonly WritableAttribute[];
  /** How the answer is to be protected, where a key is known. */
  readonly seals: EncodeMessageOptions;
}

/** The request is not worth an answer: its source has had its share of challenges. */
export interface Ignored {
  /** Which of the findings it is. */
  readonly kind: "ignored";
}
