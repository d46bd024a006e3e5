import { assertEquals } from "@std/assert";
import {
  ClientAuthentication,
  type ClientAuthenticationStep,
} from "../../../lib/protocol/client/mod.ts";
import {
  attribute,
  BINDING,
  decodeMessage,
  encodeMessage,
  type EncodeMessageOptions,
  ERROR_CODE,
  type MessageClass,
  type RawAttribute,
  type StunMessage,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { ALICE, realmAndNonce } from "../authentication_cases.ts";
import { ID, IPV4_SOURCE } from "../binding_cases.ts";

/** A client with Alice's credentials that has been challenged with these attributes. */
export function challenged(attributes: readonly (RawAttribute | WritableAttribute)[]): {
  /** The client. */
  readonly client: ClientAuthentication;
  /** What it makes of the challenge. */
  readonly step: ClientAuthenticationStep;
} {
  const client = new ClientAuthentication(ALICE);
  const response = errorAnswer(401, attributes);
  assertEquals(client.accepts(response), true);
  return { client, step: client.conclude(response) };
}

/** The REALM and the NONCE of a server of ours, which announces PASSWORD-ALGORITHMS and USERHASH. */
export function fresh(): WritableAttribute[] {
  return realmAndNonce();
}

/** An error answer that nothing protects. */
export function errorAnswer(
  code: number,
  attributes: readonly (RawAttribute | WritableAttribute)[],
): StunMessage {
  return answer("error", [attribute(ERROR_CODE, { code, reason: "" }), ...attributes]);
}

/** A success answer, protected in this way. */
export function successAnswer(seals: EncodeMessageOptions): StunMessage {
  return answer("success", [attribute(XOR_MAPPED_ADDRESS, IPV4_SOURCE)], seals);
}

/** An answer to the request that has {@linkcode ID}. */
export function answer(
  messageClass: MessageClass,
  attributes: readonly (RawAttribute | WritableAttribute)[],
  seals: EncodeMessageOptions = {},
): StunMessage {
  return decode(
    encodeMessage({ class: messageClass, method: BINDING, transactionId: ID, attributes }, seals),
  );
}

/** The message that these bytes are. */
export function decode(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  return message.value;
}
