import { concat } from "@std/bytes";
import { parseIp } from "../../lib/wire/mod.ts";
import type { Target } from "./binding_request.ts";

/** One datagram, or one piece of a stream, as somebody on the wire would have seen it. */
export interface Packet {
  /** How it travelled. */
  readonly transport: "udp" | "tcp";
  /** Who sent it; IPv4 or IPv6, the same as `to`. */
  readonly from: Target;
  /** Who it was sent to. */
  readonly to: Target;
  /** What it carried. */
  readonly payload: Uint8Array;
}

/**
 * A capture file (libpcap 2.4, link type RAW) of a conversation that a test has recorded, so that a
 * dissector can read it without the right to capture. A TCP connection starts with a handshake.
 */
export function pcapOf(packets: readonly Packet[]): Uint8Array<ArrayBuffer> {
  const streams = new Map<string, number>();
  const frames = packets.flatMap((packet) => framesOf(packet, streams));
  return concat([
    // magic(32) major(16) minor(16) zone(32) accuracy(32) longest packet(32) link type(32)
    bytesOf(24, (view) => {
      view.setUint32(0, 0xa1b2c3d4);
      view.setUint16(4, 2);
      view.setUint16(6, 4);
      view.setUint32(16, 262_144);
      view.setUint32(20, LINK_TYPE_RAW);
    }),
    ...frames.flatMap((frame, index) => [
      // seconds(32) microseconds(32) bytes here(32) bytes on the wire(32)
      bytesOf(16, (view) => {
        view.setUint32(4, index);
        view.setUint32(8, frame.length);
        view.setUint32(12, frame.length);
      }),
      frame,
    ]),
  ]);
}

function framesOf(packet: Packet, streams: Map<string, number>): Uint8Array[] {
  const { from, to, payload } = packet;
  if (packet.transport === "udp") return [ipPacket(packet, UDP, udpDatagram(packet))];
  const there = `${from.hostname} ${from.port} ${to.hostname} ${to.port}`;
  const back = `${to.hostname} ${to.port} ${from.hostname} ${from.port}`;
  const segment = (flags: number, data: Uint8Array = new Uint8Array()) => {
    const sequence = streams.get(there) ?? 0;
    const acknowledged = streams.get(back) ?? 0;
    streams.set(there, sequence + data.length + (flags & SYN ? 1 : 0));
    return ipPacket(packet, TCP, tcpSegment(packet, { flags, sequence, acknowledged, data }));
  };
  if (streams.has(there)) return [segment(ACK | PUSH, payload)];
  const open = segment(SYN);
  const reply = ipPacket(
    { ...packet, from: to, to: from },
    TCP,
    tcpSegment({ ...packet, from: to, to: from }, {
      flags: SYN | ACK,
      sequence: 0,
      acknowledged: 1,
      data: new Uint8Array(),
    }),
  );
  streams.set(back, 1);
  return [open, reply, segment(ACK), segment(ACK | PUSH, payload)];
}

// RFC 768: source port(16) destination port(16) length(16) checksum(16, 0 is "none")
function udpDatagram({ from, to, payload }: Packet): Uint8Array {
  const header = bytesOf(8, (view) => {
    view.setUint16(0, from.port);
    view.setUint16(2, to.port);
    view.setUint16(4, 8 + payload.length);
  });
  return concat([header, payload]);
}

// RFC 9293 3.1: source port(16) destination port(16) sequence(32) acknowledged(32)
// header words(4) reserved(4) flags(8) window(16) checksum(16) urgent(16)
function tcpSegment({ from, to }: Packet, segment: Segment): Uint8Array {
  const header = bytesOf(20, (view) => {
    view.setUint16(0, from.port);
    view.setUint16(2, to.port);
    view.setUint32(4, segment.sequence);
    view.setUint32(8, segment.flags & ACK ? segment.acknowledged : 0);
    view.setUint8(12, 5 << 4);
    view.setUint8(13, segment.flags);
    view.setUint16(14, 0xffff);
  });
  return concat([header, segment.data]);
}

function ipPacket({ from, to }: Packet, protocol: number, payload: Uint8Array): Uint8Array {
  const [source, destination] = [ipOf(from), ipOf(to)];
  // RFC 791 3.1: version(4) header words(4) TOS(8) length(16) id(16) fragment(16) TTL(8) protocol(8)
  // checksum(16); RFC 8200 3: version(4) class(8) flow(20) payload length(16) next header(8) hops(8)
  const header = source.length === 4
    ? bytesOf(12, (view) => {
      view.setUint8(0, 0x45);
      view.setUint16(2, 20 + payload.length);
      view.setUint8(8, 64);
      view.setUint8(9, protocol);
    })
    : bytesOf(8, (view) => {
      view.setUint8(0, 0x60);
      view.setUint16(4, payload.length);
      view.setUint8(6, protocol);
      view.setUint8(7, 64);
    });
  return concat([header, source, destination, payload]);
}

function ipOf({ hostname }: Target): Uint8Array {
  const ip = parseIp(hostname);
  if (!ip.ok) throw new TypeError(ip.reason);
  return ip.value;
}

function bytesOf(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

interface Segment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly data: Uint8Array;
}

const LINK_TYPE_RAW = 101;
const UDP = 17;
const TCP = 6;
const SYN = 0x02;
const PUSH = 0x08;
const ACK = 0x10;
