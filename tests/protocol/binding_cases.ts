import type {
  Arrival,
  Endpoint,
  EndpointGroup,
  Reply,
  StunResponder,
} from "../../lib/protocol/mod.ts";
import {
  ATTRIBUTE_CODECS,
  attributeName,
  decodeMessage,
  encodeMessage,
  type EncodeMessageOptions,
  formatSocketAddress,
  type MessageInit,
  parseSocketAddress,
  type RawAttribute,
  type SocketAddress,
  type WritableAttribute,
} from "../../lib/wire/mod.ts";

/** The transaction id of RFC 5769. */
export const ID: Uint8Array = Uint8Array.fromHex("b7e7a701bc34d686fa87dfae");
/** A transaction id of RFC 3489, which has no magic cookie before it. */
export const CLASSIC_ID: Uint8Array = Uint8Array.fromHex("000102030405060708090a0b0c0d0e0f");

/** The reflexive address of RFC 5769 section 2.2. */
export const IPV4_SOURCE: SocketAddress = address("192.0.2.1:32853");
/** The reflexive address of RFC 5769 section 2.3. */
export const IPV6_SOURCE: SocketAddress = address("[2001:db8:1234:5678:11:2233:4455:6677]:32853");

/** The four addresses of a server that knows RFC 5780, over IPv4. */
export const IPV4_GROUP: EndpointGroup = {
  "primary": address("198.51.100.1:3478"),
  "alternate-port": address("198.51.100.1:3479"),
  "alternate-address": address("198.51.100.2:3478"),
  "alternate-both": address("198.51.100.2:3479"),
};
/** The four addresses of a server that knows RFC 5780, over IPv6. */
export const IPV6_GROUP: EndpointGroup = {
  "primary": address("[2001:db8::1]:3478"),
  "alternate-port": address("[2001:db8::1]:3479"),
  "alternate-address": address("[2001:db8::2]:3478"),
  "alternate-both": address("[2001:db8::2]:3479"),
};

/** What a request is made of. */
export interface RequestOptions extends EncodeMessageOptions, Partial<MessageInit> {
  /** Whether it is of RFC 3489. @default {false} */
  readonly classic?: boolean;
}

/** A Binding request with these attributes. */
export function request(
  attributes: readonly (RawAttribute | WritableAttribute)[] = [],
  options: RequestOptions = {},
): Uint8Array {
  return encodeMessage({
    class: "request",
    method: 1,
    transactionId: options.classic ? CLASSIC_ID : ID,
    ...options,
    attributes,
  }, options);
}

/** An attribute with this value in hex, whether the value fits it or not. */
export function raw(type: number, hex = ""): RawAttribute {
  return { type, value: Uint8Array.fromHex(hex) };
}

/** How a message comes in, where that is not over UDP and IPv4 at a server of one address. */
export interface ArrivalOptions extends Partial<Endpoint> {
  /** @default {IPV4_SOURCE} */
  readonly source?: SocketAddress;
  /** @default {0} */
  readonly now?: number;
}

/** A message that comes in. */
export function arrival(bytes: Uint8Array, options: ArrivalOptions = {}): Arrival {
  const { source = IPV4_SOURCE, now = 0, ...endpoint } = options;
  return {
    bytes,
    source,
    now,
    wallTime: Date.UTC(2026, 0, 1) + now,
    endpoint: { transport: "udp", role: "primary", ...endpoint },
  };
}

/** A reply in a form that a test can write down whole. */
export interface DescribedReply {
  /** The class of the message. */
  readonly class: string;
  /** The transaction id in hex. */
  readonly id: string;
  /** Name and value of each attribute; a value that the codec cannot read is in hex. */
  readonly attributes: readonly (readonly [string, unknown])[];
  /** The destination. */
  readonly to: string;
  /** The role of the socket that sends it. */
  readonly via: string;
}

/** Reads a reply; undefined where there is none. */
export function describe(reply: Reply | undefined): DescribedReply | undefined {
  if (reply === undefined) return undefined;
  const message = decodeMessage(reply.bytes);
  if (!message.ok) throw new TypeError(message.reason);
  const { transactionId, attributes } = message.value;
  return {
    class: message.value.class,
    id: transactionId.toHex(),
    attributes: attributes.map(({ type, value }) => {
      const read = ATTRIBUTE_CODECS.find((codec) => codec.type === type)
        ?.read(value, transactionId);
      return [attributeName(type), read?.ok ? plain(read.value) : value.toHex()] as const;
    }),
    to: formatSocketAddress(reply.destination),
    via: reply.via,
  };
}

/** What became of the arrivals: `"udp 4 success 1"`. */
export function outcomes({ statistics }: Pick<StunResponder, "statistics">): string[] {
  return [...statistics.counts()].map(({ transport, family, outcome, count }) =>
    `${transport} ${family} ${outcome} ${count}`
  );
}

/** `192.0.2.1:3478` or `[2001:db8::1]:3478`. */
export function address(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

function plain(value: unknown): unknown {
  return typeof value === "object" && value !== null && "ip" in value
    ? formatSocketAddress(value as SocketAddress)
    : value;
}
