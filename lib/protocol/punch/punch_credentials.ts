import {
  attribute,
  BINDING,
  checkFingerprint,
  decodeMessage,
  encodeMessage,
  type EncodeMessageOptions,
  ICE_CONTROLLED,
  ICE_CONTROLLING,
  type IntegrityKey,
  looksLikeStun,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  PRIORITY,
  shortTermKey,
  type SocketAddress,
  type StunMessage,
  unknownRequired,
  USE_CANDIDATE,
  USERNAME,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import { isProtected } from "../mod.ts";
import { type PunchDescription, punchDescriptionProblem } from "./punch_description.ts";
import { ShortTermAuthenticator } from "../mod.ts";

/** The two sides of a punch, seen from one of them. */
export interface PunchSides {
  /** What this side has told the other. */
  readonly local: PunchDescription;
  /** What the other side has told. */
  readonly remote: PunchDescription;
}

/** What a check is to say. */
export interface PunchCheckInit {
  /** 12 bytes that nobody can predict, new for each check. */
  readonly transactionId: Uint8Array;
  /**
   * The value of PRIORITY (RFC 8445 section 7.1.1), 0 to 2^32 - 1.
   *
   * @default {0x6EFFFFFF} that of the peer-reflexive candidate of a host with one address
   */
  readonly priority?: number | undefined;
  /** Whether it chooses the path that it takes: the controlling side's privilege. @default {false} */
  readonly nominates?: boolean | undefined;
}

/** A message of the other side, proved to be its. */
export type PunchMessage = PunchRequest | PunchResponse;

/** The other side's check. */
export interface PunchRequest {
  /** Tells it from a response. */
  readonly kind: "request";
  /** The message. */
  readonly message: StunMessage;
  /** Whether it chooses this path. */
  readonly nominates: boolean;
  /** How the answer is to be protected. */
  readonly seals: EncodeMessageOptions;
}

/** The other side's answer to a check. */
export interface PunchResponse {
  /** Tells it from a request. */
  readonly kind: "response";
  /** The message; whose transaction it is the caller finds out. */
  readonly message: StunMessage;
  /** Whether it is a success answer; another is none that a check can be built on. */
  readonly succeeds: boolean;
}

/**
 * Writes and reads the checks of a punch: Binding requests under the short-term credentials that the
 * two descriptions hold, as ICE's are (RFC 8445 sections 7.2.2 and 7.3). The user name of a check is
 * the fragment of whom it goes to, a colon, and that of whom it is from; its key, and that of the
 * answer, is the password of whom it goes to.
 *
 * The same over UDP and TCP. It knows nothing of time and paths, so a check that is sent once more by
 * somebody else is authentic here.
 */
export class PunchCredentials {
  /** Whether this side chooses the path: the one with the larger tie breaker does. */
  readonly controls: boolean;
  readonly #sides: PunchSides;
  readonly #tieBreaker: bigint;
  readonly #remoteKey: IntegrityKey;
  readonly #authenticator: ShortTermAuthenticator;

  /**
   * Takes the descriptions of both sides.
   *
   * @throws {RangeError} If one of them cannot be used, or the two cannot be of one punch: they have
   * the same tie breaker, as a side that is given its own description has, or different transports.
   */
  constructor(sides: PunchSides) {
    const { local, remote } = sides;
    for (const [whose, description] of [["own", local], ["other side's", remote]] as const) {
      const problem = punchDescriptionProblem(description);
      if (problem !== undefined) refuse(`the ${whose} description is unusable, ${problem}`);
    }
    if (local.transport !== remote.transport) {
      refuse(`this side wants ${upper(local)}, the other ${upper(remote)}`);
    }
    const [own, other] = [numberOf(local.tieBreaker), numberOf(remote.tieBreaker)];
    if (own === other) {
      refuse("both sides have the same tie breaker; is it this side's own description?");
    }
    this.#sides = sides;
    this.#tieBreaker = own;
    this.controls = own > other;
    this.#remoteKey = shortTermKey(remote.password);
    this.#authenticator = new ShortTermAuthenticator({
      users: [{
        username: `${local.usernameFragment}:${remote.usernameFragment}`,
        password: local.password,
      }],
    });
  }

  /**
   * Writes a check.
   *
   * @throws {RangeError} If the transaction id has not 12 bytes or the priority is out of range.
   */
  check(init: PunchCheckInit): Uint8Array {
    const { transactionId, priority = PEER_REFLEXIVE_PRIORITY, nominates = false } = init;
    const { local, remote } = this.#sides;
    const attributes = [
      attribute(USERNAME, `${remote.usernameFragment}:${local.usernameFragment}`),
      attribute(PRIORITY, priority),
      attribute(this.controls ? ICE_CONTROLLING : ICE_CONTROLLED, this.#tieBreaker),
      ...nominates ? [attribute(USE_CANDIDATE, true)] : [],
    ];
    return encodeMessage(
      { class: "request", method: BINDING, transactionId, attributes },
      { integrity: this.#remoteKey, fingerprint: true },
    );
  }

  /** Writes the answer to a check that came from `source`. */
  answer({ message, seals }: PunchRequest, source: SocketAddress): Uint8Array {
    const { transactionId } = message;
    const attributes = [attribute(XOR_MAPPED_ADDRESS, source)];
    return encodeMessage(
      { class: "success", method: BINDING, transactionId, attributes },
      { ...seals, fingerprint: true },
    );
  }

  /**
   * Reads a message of the other side; undefined for everything else: what is not STUN, has no valid
   * FINGERPRINT, is not protected under the right key, or is a check of a side that has the same role
   * or wants what is not known here. The message is a view on the bytes.
   */
  read(bytes: Uint8Array): PunchMessage | undefined {
    if (!looksLikeStun(bytes)) return undefined;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.value.method !== BINDING) return undefined;
    const message = decoded.value;
    if (checkFingerprint(message) !== "valid") return undefined;
    switch (message.class) {
      case "request":
        return this.#readRequest(message);
      case "success":
      case "error": {
        const isAuthentic = isProtected(message, { key: this.#remoteKey, algorithm: "sha1" });
        const succeeds = message.class === "success";
        return isAuthentic ? { kind: "response", message, succeeds } : undefined;
      }
      case "indication":
        return undefined;
    }
  }

  #readRequest(message: StunMessage): PunchRequest | undefined {
    const found = this.#authenticator.authenticate(message);
    const role = this.controls ? ICE_CONTROLLED : ICE_CONTROLLING;
    if (
      found.kind !== "authenticated" || valueOf(message, role) === undefined ||
      unknownRequired(message, KNOWN).length > 0
    ) return undefined;
    const nominates = !this.controls && valueOf(message, USE_CANDIDATE) === true;
    return { kind: "request", message, nominates, seals: found.seals };
  }
}

function refuse(found: string): never {
  throw new RangeError(`Cannot punch: ${found}`);
}

function upper({ transport }: PunchDescription): string {
  return transport.toUpperCase();
}

function numberOf(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}

/** RFC 8445 sections 5.1.2.1 and 5.1.2.2: preference 110, one address, one component. */
const PEER_REFLEXIVE_PRIORITY = 0x6effffff;

/** What a check may require to be understood. */
const KNOWN: ReadonlySet<number> = new Set(
  [USERNAME, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, PRIORITY, USE_CANDIDATE]
    .map(({ type }) => type),
);
