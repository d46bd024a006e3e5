import {
  attribute,
  type Decoded,
  decoded,
  type DecodedAttribute,
  encodeMessage,
  type EncodeMessageOptions,
  equalInConstantTime,
  ERROR_CODE,
  findAttribute,
  type IntegrityAlgorithm,
  type IntegrityKey,
  type KeyAlgorithm,
  longTermKey,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  type PasswordAlgorithm,
  prepareOpaqueString,
  type RawAttribute,
  REALM,
  shortTermKey,
  type StunMessage,
  undecodable,
  USERHASH,
  userHash,
  USERNAME,
  valueOf,
  type WritableAttribute,
} from "../../wire/mod.ts";
import { keyAlgorithmOf } from "../mod.ts";
import { isProtected, protectionOf } from "../mod.ts";
import { nonceFeatures } from "../mod.ts";
import { prepareUsers, type UserCredential } from "../mod.ts";

/** What a client authenticates itself with. */
export interface ClientCredentials extends UserCredential {
  /** Which mechanism of RFC 8489 section 9 the server uses. @default {"long-term"} */
  readonly mechanism?: "long-term" | "short-term" | undefined;
}

/** What is to be done after an answer that {@linkcode ClientAuthentication.accepts} let through. */
export type ClientAuthenticationStep = AuthenticationDone | AuthenticationRetry | AuthenticationEnd;

/** The answer is what the server has to say. */
export interface AuthenticationDone {
  /** Which of the steps it is. */
  readonly kind: "done";
  /**
   * Whether the answer is protected by the password. It is not where the server did not ask for
   * credentials: then anybody on the way could have given it.
   */
  readonly authenticated: boolean;
}

/** The request is to be made anew, with the attributes and seals as they are now. */
export interface AuthenticationRetry {
  /** Which of the steps it is. */
  readonly kind: "retry";
}

/** There is nothing to try any more. */
export interface AuthenticationEnd {
  /** Which of the steps it is. */
  readonly kind: "refused";
  /** `credentials`: the server knows no such user or password; `challenge`: it asks for what cannot be given. */
  readonly because: "credentials" | "challenge";
  /** What the server did, as the end of a sentence: `the server …`. */
  readonly reason: string;
}

/**
 * The client's part of authentication (RFC 8489 sections 9.1 and 9.2): says what a request carries,
 * which answers can be believed, and whether to ask again. One of these serves one conversation with
 * one server, from one address and port, as nonces may be tied to it:
 *
 * - each request has {@linkcode ClientAuthentication.attributes} and
 *   {@linkcode ClientAuthentication.seals}, and a transaction id of its own,
 * - an answer that {@linkcode ClientAuthentication.accepts} refuses is dropped as if it had never come,
 * - {@linkcode ClientAuthentication.conclude} says what to do after any other.
 *
 * It asks three times again at the most: after a challenge, after one that names another realm, and
 * after a stale nonce.
 */
export class ClientAuthentication {
  readonly #credentials: ClientCredentials | undefined;
  #attributes: readonly (RawAttribute | WritableAttribute)[] = [];
  #key: IntegrityKey | undefined;
  /** What the answer must be protected by; undefined where either will do. */
  #algorithm: IntegrityAlgorithm | undefined;
  #realm: RawAttribute | undefined;
  #realms = 0;
  #staleNonces = 0;

  /**
   * Begins a conversation. Without credentials it asks plainly and believes every answer.
   *
   * @throws {RangeError} If the user name or password is empty or holds a character that
   * OpaqueString (RFC 8265) forbids, or the name has more than 512 bytes.
   */
  constructor(credentials?: ClientCredentials) {
    if (credentials === undefined) return;
    const prepared = prepareUsers("Cannot use the credentials", [credentials]);
    const [username, password] = [...prepared][0]!;
    const { mechanism = "long-term" } = credentials;
    const name = attribute(USERNAME, username);
    // Better to fail here than at the first challenge
    encodeMessage({ ...PROBE, attributes: [name] });
    this.#credentials = { username, password, mechanism };
    if (mechanism === "long-term") return;
    this.#attributes = [name];
    this.#key = shortTermKey(password);
  }

  /** What the next request carries. */
  get attributes(): readonly (RawAttribute | WritableAttribute)[] {
    return this.#attributes;
  }

  /** How the next request is protected. */
  get seals(): EncodeMessageOptions {
    if (this.#key === undefined) return {};
    // RFC 8489 9.1.2: both, as long as nobody knows which of them the server can check
    return {
      ...this.#algorithm === "sha256" ? {} : { integrity: this.#key },
      ...this.#algorithm === "sha1" ? {} : { integritySha256: this.#key },
    };
  }

  /**
   * Whether an answer to the last request can be believed (RFC 8489 sections 9.1.4 and 9.2.5). If
   * not, it is as if it had never come: the request is sent again, over UDP, and if nothing better
   * comes, somebody is tampering or the server does not know the password.
   */
  accepts(response: StunMessage): boolean {
    // There is no key before the first challenge, nor is there one that could protect a challenge
    if (this.#key === undefined || this.#isChallenge(response)) return true;
    if (bidsDown(response)) return false;
    const algorithm = protectionOf(response);
    if (algorithm === undefined || algorithm !== (this.#algorithm ?? algorithm)) return false;
    return isProtected(response, { key: this.#key, algorithm });
  }

  /** What to do after an answer that was accepted. */
  conclude(response: StunMessage): ClientAuthenticationStep {
    if (!this.#isChallenge(response)) {
      return { kind: "done", authenticated: this.#key !== undefined };
    }
    const realm = findAttribute(response, REALM.type);
    if (errorCode(response) === 438) {
      this.#staleNonces++;
      if (this.#staleNonces > 1) return unusable("finds its own nonces stale");
    } else {
      // The same name and password once more would be refused once more
      const old = this.#realm?.value;
      if (old !== undefined && equalInConstantTime(realm?.value ?? old, old)) {
        const reason = "does not accept the credentials";
        return { kind: "refused", because: "credentials", reason };
      }
      this.#realms++;
      if (this.#realms > 2) return unusable("names one realm after the other");
    }
    const answer = this.#answer(response, realm ?? this.#realm);
    return answer.ok ? { kind: "retry" } : unusable(answer.reason);
  }

  #isChallenge(response: StunMessage): boolean {
    const code = errorCode(response);
    return this.#credentials?.mechanism === "long-term" && (code === 401 || code === 438);
  }

  /** Makes the next request's attributes and key from a challenge (RFC 8489 section 9.2.5). */
  #answer(challenge: StunMessage, realm: RawAttribute | undefined): Decoded<true> {
    const nonce = findAttribute(challenge, NONCE.type);
    if (realm === undefined || nonce === undefined) {
      return undecodable("asks for credentials without REALM and NONCE");
    }
    if (bidsDown(challenge)) {
      return undecodable(
        "announces PASSWORD-ALGORITHMS and does not send them: somebody took them",
      );
    }
    const offer = findAttribute(challenge, PASSWORD_ALGORITHMS.type);
    const choice = offer === undefined ? undefined : chooseAlgorithm(challenge);
    if (offer !== undefined && choice === undefined) {
      return undecodable("offers no password algorithm that is known here");
    }
    const realmText = REALM.read(realm.value, challenge.transactionId);
    const prepared = realmText.ok ? prepareOpaqueString(realmText.value) : realmText;
    if (!prepared.ok) return undecodable("names a realm that cannot be used");
    const { username, password } = this.#credentials!;
    const credential = { username, password, realm: prepared.value };
    const hashed = nonceFeatures(nonce.value)?.usernameAnonymity === true;
    this.#realm = copyOf(realm);
    this.#attributes = [
      hashed
        ? attribute(USERHASH, userHash(username, credential.realm))
        : attribute(USERNAME, username),
      this.#realm,
      copyOf(nonce),
      ...offer === undefined ? [] : [copyOf(offer)],
      ...choice === undefined ? [] : [attribute(PASSWORD_ALGORITHM, choice.offered)],
    ];
    this.#key = longTermKey(credential, choice?.keyAlgorithm);
    this.#algorithm = choice === undefined ? "sha1" : "sha256";
    return decoded(true);
  }
}

/** Whether the nonce announces password algorithms that somebody has taken out of the message. */
function bidsDown(response: StunMessage): boolean {
  const nonce = findAttribute(response, NONCE.type);
  return nonce !== undefined && nonceFeatures(nonce.value)?.passwordAlgorithms === true &&
    findAttribute(response, PASSWORD_ALGORITHMS.type) === undefined;
}

/** The first offer that is known here: the order is the server's (RFC 8489 section 9.2.5). */
function chooseAlgorithm(challenge: StunMessage): Choice | undefined {
  for (const offered of valueOf(challenge, PASSWORD_ALGORITHMS) ?? []) {
    const keyAlgorithm = keyAlgorithmOf(offered);
    if (keyAlgorithm !== undefined) return { offered, keyAlgorithm };
  }
  return undefined;
}

/** The password algorithm that was chosen. */
interface Choice {
  readonly offered: PasswordAlgorithm;
  readonly keyAlgorithm: KeyAlgorithm;
}

function errorCode(response: StunMessage): number | undefined {
  return response.class === "error" ? valueOf(response, ERROR_CODE)?.code : undefined;
}

function unusable(reason: string): AuthenticationEnd {
  return { kind: "refused", because: "challenge", reason };
}

/** The attribute apart from the message that it came in. */
function copyOf({ type, value }: DecodedAttribute | RawAttribute): RawAttribute {
  return { type, value: value.slice() };
}

const PROBE = { class: "request", method: 1, transactionId: new Uint8Array(12) } as const;
