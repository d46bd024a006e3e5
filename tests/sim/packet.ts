import { formatSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";

/** What the simulated network carries. Packets are never changed, only replaced. */
export type SimPacket = UdpPacket | TcpSegment | IcmpError;

/** What can be carried between two ports. */
export type SimProtocol = "udp" | "tcp";

/** A UDP datagram in one IP packet, or in several where it is too long for one. */
export interface UdpPacket {
  /** Tells the kinds of packets apart. */
  readonly protocol: "udp";
  /** Where it comes from, as it stands in the packet at this place of the network. */
  readonly source: SocketAddress;
  /** Where it goes to, likewise. */
  readonly destination: SocketAddress;
  /** The payload. */
  readonly bytes: Uint8Array;
}

/** A TCP segment (RFC 9293). Sequence numbers are plain integers that never wrap. */
export interface TcpSegment {
  /** Tells the kinds of packets apart. */
  readonly protocol: "tcp";
  /** Where it comes from, as it stands in the packet at this place of the network. */
  readonly source: SocketAddress;
  /** Where it goes to, likewise. */
  readonly destination: SocketAddress;
  /** The payload. */
  readonly bytes: Uint8Array;
  /** The flag that opens a connection. */
  readonly syn: boolean;
  /** The flag that ends the sender's half of a connection. */
  readonly fin: boolean;
  /** The flag that breaks a connection off, or refuses one. */
  readonly rst: boolean;
  /** The sequence number of the first byte, or of SYN. */
  readonly sequence: number;
  /** The next sequence number that is wanted; its presence is the flag ACK. */
  readonly acknowledgement?: number;
}

/** An ICMP "destination unreachable" about a packet that was not let through. */
export interface IcmpError {
  /** Tells the kinds of packets apart. */
  readonly protocol: "icmp";
  /** Who says so; the port is 0. */
  readonly source: SocketAddress;
  /** Who is told; the port is 0. */
  readonly destination: SocketAddress;
  /** Nothing; all that matters is in `about`. */
  readonly bytes: Uint8Array;
  /** The packet that did not get through, as it stood where it was stopped. */
  readonly about: UdpPacket | TcpSegment;
}

/** The packet in words, such as `udp 192.0.2.1:5000 > 203.0.113.1:3478, 20 bytes`. */
export function describePacket(packet: SimPacket): string {
  const { protocol, source, destination, bytes } = packet;
  if (protocol === "icmp") {
    return `icmp unreachable from ${formatSocketAddress(source)} about ${
      describePacket(packet.about)
    }`;
  }
  const flags = protocol === "udp" ? "" : ` ${flagsOf(packet)}`;
  return `${protocol}${flags} ${formatSocketAddress(source)} > ${
    formatSocketAddress(destination)
  }, ${bytes.length} bytes`;
}

/** How many sequence numbers a segment takes. */
export function sequenceLength(segment: TcpSegment): number {
  return segment.bytes.length + (segment.syn ? 1 : 0) + (segment.fin ? 1 : 0);
}

/** The RST that refuses a segment which nobody is there for (RFC 9293 section 3.5.2). */
export function resetFor(segment: TcpSegment): TcpSegment {
  const base = {
    protocol: "tcp",
    source: segment.destination,
    destination: segment.source,
    bytes: NO_BYTES,
    syn: false,
    fin: false,
    rst: true,
  } as const;
  return segment.acknowledgement === undefined
    ? { ...base, sequence: 0, acknowledgement: segment.sequence + sequenceLength(segment) }
    : { ...base, sequence: segment.acknowledgement };
}

/**
 * Whether a packet is too long for one Ethernet frame of 1500 bytes and so travels in fragments: its
 * payload, the UDP header and the IP header together. TCP chooses its segments so that they fit.
 */
export function isFragmented(packet: SimPacket): boolean {
  const ipHeader = packet.source.ip.length === 4 ? 20 : 40;
  return packet.protocol === "udp" && packet.bytes.length + 8 + ipHeader > 1500;
}

function flagsOf(segment: TcpSegment): string {
  const flags = [
    segment.syn ? "SYN" : "",
    segment.fin ? "FIN" : "",
    segment.rst ? "RST" : "",
    segment.acknowledgement === undefined ? "" : "ACK",
  ];
  return flags.filter((flag) => flag !== "").join("+");
}

const NO_BYTES = new Uint8Array(0);
