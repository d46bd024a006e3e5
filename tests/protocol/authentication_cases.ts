import { type Authenticator, NonceAuthority, StunResponder } from "../../lib/protocol/mod.ts";
import {
  attribute,
  attributeName,
  checkIntegrity,
  decodeMessage,
  ERROR_CODE,
  type IntegrityKey,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHM_MD5,
  PASSWORD_ALGORITHM_SHA256,
  PASSWORD_ALGORITHMS,
  REALM,
  valueOf,
  type WritableAttribute,
} from "../../lib/wire/mod.ts";
import { arrival, type ArrivalOptions, IPV4_SOURCE } from "./binding_cases.ts";

/** The realm of all tests: 11 bytes. */
export const REALM_NAME = "example.org";
/** The user whom the servers of all tests know. */
export const ALICE = { username: "alice", password: "secret" } as const;
/** The key of the nonces. */
export const NONCE_SECRET: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i);
/** When all arrivals arrive, in ms since 1970. */
export const NOW: number = Date.UTC(2026, 0, 1);

/** A nonce as the authenticator under test issues it; `wallTime` is when, in ms since 1970. */
export function nonce(
  { source = IPV4_SOURCE, wallTime = NOW, passwordAlgorithms = true } = {},
): string {
  return new NonceAuthority({
    secret: NONCE_SECRET,
    lifetimeMs: 600_000,
    features: { passwordAlgorithms, usernameAnonymity: true },
  }).issue(source, wallTime);
}

/** REALM and NONCE. */
export function realmAndNonce(value: string = nonce()): WritableAttribute[] {
  return [attribute(REALM, REALM_NAME), attribute(NONCE, value)];
}

/** PASSWORD-ALGORITHMS with these numbers; as the server sends it if there are none. */
export function offer(...numbers: number[]): WritableAttribute {
  const listed = numbers.length > 0 ? numbers : [PASSWORD_ALGORITHM_SHA256, PASSWORD_ALGORITHM_MD5];
  return attribute(
    PASSWORD_ALGORITHMS,
    listed.map((number) => ({ number, parameters: new Uint8Array(0) })),
  );
}

/** PASSWORD-ALGORITHM. */
export function choice(
  number: number,
  parameters: Uint8Array = new Uint8Array(0),
): WritableAttribute {
  return attribute(PASSWORD_ALGORITHM, { number, parameters });
}

/** An answer, as far as authentication goes. */
export interface Verdict {
  /** The error code, or `success`. */
  readonly answer: number | "success";
  /** The names of all attributes, in their order. */
  readonly attributes: readonly string[];
  /** Which of the integrity attributes are right under the key. */
  readonly valid: readonly string[];
}

/** What a server with this authenticator answers. */
export function ask(
  authenticator: Authenticator,
  bytes: Uint8Array,
  { key, ...options }: ArrivalOptions & { readonly key?: IntegrityKey | undefined } = {},
): Verdict | undefined {
  const reply = new StunResponder({ authenticator }).handle(arrival(bytes, options));
  if (reply === undefined) return undefined;
  const message = decodeMessage(reply.bytes);
  if (!message.ok) throw new TypeError(message.reason);
  const valid = (["sha1", "sha256"] as const).filter((algorithm) =>
    key !== undefined && checkIntegrity(message.value, key, algorithm) === "valid"
  );
  return {
    answer: valueOf(message.value, ERROR_CODE)?.code ?? "success",
    attributes: message.value.attributes.map(({ type }) => attributeName(type)),
    valid,
  };
}

/** The verdict on a request that is refused with an error code alone. */
export function bare(answer: number): Verdict {
  return { answer, attributes: ["ERROR-CODE"], valid: [] };
}

/** The verdict on a request that is challenged. */
export function challenge(answer: 401 | 438): Verdict {
  const attributes = ["ERROR-CODE", "REALM", "NONCE", "PASSWORD-ALGORITHMS"];
  return { answer, attributes, valid: [] };
}

/** The verdict on a request that is answered, protected in this way. */
export function success(algorithm: "sha1" | "sha256"): Verdict {
  const seal = algorithm === "sha1" ? "MESSAGE-INTEGRITY" : "MESSAGE-INTEGRITY-SHA256";
  return { answer: "success", attributes: ["XOR-MAPPED-ADDRESS", seal], valid: [algorithm] };
}
