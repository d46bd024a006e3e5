import {
  ADDRESS_TOKEN,
  attribute,
  ATTRIBUTE_CODECS,
  type AttributeName,
  CHANGE_REQUEST,
  CHANGED_ADDRESS,
  type DecodedAttribute,
  ERROR_CODE,
  isComprehensionRequired,
  MAPPED_ADDRESS,
  MESSAGE_INTEGRITY,
  MESSAGE_INTEGRITY_SHA256,
  NONCE,
  OTHER_ADDRESS,
  PADDING,
  PASSWORD,
  PASSWORD_ALGORITHM,
  REALM,
  REFLECTED_FROM,
  RESPONSE_ORIGIN,
  RESPONSE_PORT,
  type SocketAddress,
  SOURCE_ADDRESS,
  type StunMessage,
  UNKNOWN_ATTRIBUTES,
  USERHASH,
  USERNAME,
  valueOf,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../wire/mod.ts";
import type { AddressTokenAuthority } from "./address_token.ts";
import { changeRole, type EndpointGroup, type EndpointRole } from "./endpoint.ts";
import type { Arrival } from "./arrival.ts";

/** The success answer to a Binding request. */
export interface BindingAnswer {
  /** What it says. */
  readonly attributes: readonly WritableAttribute[];
  /** Where to. */
  readonly destination: SocketAddress;
  /** From which socket. */
  readonly via: EndpointRole;
  /** How many bytes of PADDING the client wants in it, at most. */
  readonly padding: number;
}

/** The refusal of a Binding request. */
export interface BindingRefusal {
  /** The error code. */
  readonly code: 400;
}

/** Whether a message is of RFC 3489, which has 16 bytes of transaction id and no magic cookie. */
export function isClassic(message: StunMessage): boolean {
  return message.transactionId.length === 16;
}

/**
 * Decides what a Binding request is answered: the reflexive address, from the socket and to the port
 * that the client asked for (RFC 8489 section 6.3.1, RFC 5780 section 6.1, RFC 3489 section 8.1).
 * Its attributes have been found to be known and readable. Where there are `tokens`, a client that asks
 * for one by 32 zero bytes of ADDRESS-TOKEN gets one for its reflexive address.
 */
export function answerBinding(
  request: StunMessage,
  arrival: Arrival,
  tokens?: AddressTokenAuthority,
): BindingAnswer | BindingRefusal {
  const { endpoint, source } = arrival;
  const change = valueOf(request, CHANGE_REQUEST);
  const port = valueOf(request, RESPONSE_PORT);
  const padding = valueOf(request, PADDING);
  // RFC 5780 6.1: together they would send long answers to a port that did not ask
  if (port !== undefined && padding !== undefined) return { code: 400 };
  const via = change === undefined ? endpoint.role : changeRole(endpoint.role, change);
  return {
    attributes: isClassic(request)
      ? classicAttributes(arrival, via)
      : [...modernAttributes(arrival, via), ...tokenAttributes(request, arrival, tokens)],
    // RFC 5780 7.5: another port, but never another address, or we are a reflector
    destination: port === undefined ? source : { ip: source.ip, port },
    via,
    padding: padding ?? 0,
  };
}

/** The comprehension-required attributes that this request may have on the socket it came in on. */
export function knownAttributes(request: StunMessage, arrival: Arrival): ReadonlySet<number> {
  const { endpoint, source } = arrival;
  const discovers = endpoint.group !== undefined && endpoint.transport === "udp" &&
    !isServicePort(source.port) && !isServicePort(valueOf(request, RESPONSE_PORT));
  if (isClassic(request)) {
    // RFC 3489 clients always send CHANGE-REQUEST; one that asks for no change can be served
    return discovers || asksForNoChange(request) ? KNOWN_CLASSIC_DISCOVERY : KNOWN_CLASSIC;
  }
  return discovers ? KNOWN_DISCOVERY : KNOWN;
}

/** The first attribute that must be understood and whose value cannot be read. */
export function unreadableAttribute(request: StunMessage): DecodedAttribute | undefined {
  return request.attributes.find(({ type, value }) =>
    isComprehensionRequired(type) &&
    CODECS.get(type)?.read(value, request.transactionId).ok === false
  );
}

function modernAttributes(arrival: Arrival, via: EndpointRole): WritableAttribute[] {
  const attributes = [attribute(XOR_MAPPED_ADDRESS, arrival.source)];
  const { group } = arrival.endpoint;
  if (group !== undefined) {
    attributes.push(
      attribute(RESPONSE_ORIGIN, group[via]),
      attribute(OTHER_ADDRESS, otherAddress(arrival.endpoint.role, group)),
    );
  }
  return attributes;
}

/** As long as the zeros that asked for it, so that the answer does not grow by it. */
function tokenAttributes(
  request: StunMessage,
  { source, endpoint, wallTime }: Arrival,
  tokens: AddressTokenAuthority | undefined,
): WritableAttribute[] {
  const zeros = tokens && valueOf(request, ADDRESS_TOKEN);
  if (tokens === undefined || zeros === undefined || zeros.some((byte) => byte !== 0)) return [];
  return [attribute(ADDRESS_TOKEN, tokens.issue(source, endpoint.transport, wallTime))];
}

function classicAttributes(arrival: Arrival, via: EndpointRole): WritableAttribute[] {
  const { endpoint, source } = arrival;
  const attributes = [attribute(MAPPED_ADDRESS, source)];
  const origin = endpoint.group?.[via] ?? endpoint.address;
  // RFC 3489 knows IPv4 alone; over IPv6 a second address would make the answer needlessly large
  if (origin !== undefined && (endpoint.group !== undefined || origin.ip.length === 4)) {
    attributes.push(attribute(SOURCE_ADDRESS, origin));
  }
  if (endpoint.group !== undefined) {
    attributes.push(attribute(CHANGED_ADDRESS, otherAddress(endpoint.role, endpoint.group)));
  }
  return attributes;
}

/** Where an answer would come from if both flags of CHANGE-REQUEST were set (RFC 5780 section 7.4). */
function otherAddress(role: EndpointRole, group: EndpointGroup): SocketAddress {
  return group[changeRole(role, { changeAddress: true, changePort: true })];
}

function asksForNoChange(request: StunMessage): boolean {
  const change = valueOf(request, CHANGE_REQUEST);
  return change !== undefined && !change.changeAddress && !change.changePort;
}

/**
 * Ports where services live, a STUN server among them: a forged source address there could make two
 * servers answer each other, so no answer is redirected to or on behalf of one.
 */
function isServicePort(port: number | undefined): boolean {
  return port !== undefined && (port < 1024 || port === 3478);
}

function typesOf(attributes: readonly AttributeName[]): ReadonlySet<number> {
  return new Set(attributes.map((one) => one.type));
}

const CODECS = new Map(ATTRIBUTE_CODECS.map((codec) => [codec.type, codec]));

// Most of these mean nothing in a Binding request: known but unexpected, so ignored (RFC 8489 14)
const ALWAYS: readonly AttributeName[] = [
  MAPPED_ADDRESS,
  USERNAME,
  MESSAGE_INTEGRITY,
  ERROR_CODE,
  UNKNOWN_ATTRIBUTES,
  REALM,
  NONCE,
  MESSAGE_INTEGRITY_SHA256,
  PASSWORD_ALGORITHM,
  USERHASH,
  XOR_MAPPED_ADDRESS,
];
// RESPONSE-ADDRESS is not among them: a server that honours it is a reflector
const CLASSIC: readonly AttributeName[] = [
  ...ALWAYS,
  SOURCE_ADDRESS,
  CHANGED_ADDRESS,
  PASSWORD,
  REFLECTED_FROM,
];
const KNOWN = typesOf(ALWAYS);
const KNOWN_DISCOVERY = typesOf([...ALWAYS, CHANGE_REQUEST, PADDING, RESPONSE_PORT]);
const KNOWN_CLASSIC = typesOf(CLASSIC);
const KNOWN_CLASSIC_DISCOVERY = typesOf([...CLASSIC, CHANGE_REQUEST]);
