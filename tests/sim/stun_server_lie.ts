import {
  attribute,
  CHANGE_REQUEST,
  CHANGED_ADDRESS,
  decodeMessage,
  encodeMessage,
  MAPPED_ADDRESS,
  OTHER_ADDRESS,
  RESPONSE_ORIGIN,
  type SocketAddress,
  SOURCE_ADDRESS,
  type StunMessage,
} from "../../lib/wire/mod.ts";
import type { SimRandom } from "./sim_random.ts";

/**
 * A way in which a STUN server misleads its clients, or tells them less than they need:
 * - `"ignores-change-request"`: answers from the address that was asked, whatever the client wants;
 * - `"changes-port-only"`: asked to answer from another address, changes the port alone, and claims
 *   in RESPONSE-ORIGIN to have done as it was told;
 * - `"answers-from-wrong-port"`: answers everything over UDP from a port that nobody knows of;
 * - `"same-ip-other-address"`: OTHER-ADDRESS is its own IP address with another port;
 * - `"no-other-address"`: obeys CHANGE-REQUEST, but names no address of its own in any answer;
 * - `"dead-other-address"`: nobody is at OTHER-ADDRESS, and nothing comes from there;
 * - `"mapped-address-only"`: knows RFC 3489's MAPPED-ADDRESS and nothing else;
 * - `"garbage"`: answers with random bytes.
 */
export type StunServerLie =
  | "ignores-change-request"
  | "changes-port-only"
  | "answers-from-wrong-port"
  | "same-ip-other-address"
  | "no-other-address"
  | "dead-other-address"
  | "mapped-address-only"
  | "garbage";

/** The request as a server with these faults understands it. */
export function misread(request: Uint8Array, lies: ReadonlySet<StunServerLie>): Uint8Array {
  if (!lies.has("ignores-change-request")) return request;
  const message = decodeMessage(request);
  return message.ok ? without(message.value, [CHANGE_REQUEST.type]) : request;
}

/** The answer as a server with these faults gives it to the client at `client`. */
export function misreport(
  answer: Uint8Array,
  { lies, client, random }: {
    readonly lies: ReadonlySet<StunServerLie>;
    readonly client: SocketAddress;
    readonly random: SimRandom;
  },
): Uint8Array {
  if (lies.has("garbage")) return random.bytes(answer.length);
  const message = decodeMessage(answer);
  if (!message.ok || message.value.class !== "success") return answer;
  if (lies.has("mapped-address-only")) {
    return encodeMessage({
      ...headerOf(message.value),
      attributes: [attribute(MAPPED_ADDRESS, client)],
    });
  }
  return lies.has("no-other-address") ? without(message.value, OWN_ADDRESSES) : answer;
}

/** The message without attributes of these types, and without what they would invalidate. */
function without(message: StunMessage, types: readonly number[]): Uint8Array {
  const attributes = message.attributes.filter(({ type }) => !types.includes(type));
  return encodeMessage({
    ...headerOf(message),
    attributes: attributes.map(({ type, value }) => ({
      type,
      write: (into) => into.bytes(value),
    })),
  });
}

function headerOf(message: StunMessage): Pick<StunMessage, "class" | "method" | "transactionId"> {
  const { method, transactionId } = message;
  return { class: message.class, method, transactionId };
}

const OWN_ADDRESSES = [OTHER_ADDRESS, CHANGED_ADDRESS, RESPONSE_ORIGIN, SOURCE_ADDRESS]
  .map(({ type }) => type);
