import type { SocketAddress } from "../../lib/wire/mod.ts";
import type { NatBehavior } from "./nat_behavior.ts";
import type { TcpSegment, UdpPacket } from "./packet.ts";

/** What goes through a mapping to and from one remote address and port. */
export class NatSession {
  /** The remote address and port, as they are seen from the NAT. */
  readonly remote: SocketAddress;
  #expiresAt: number;
  #answered = false;
  #initiator: "outbound" | "inbound" | undefined;
  #established = false;
  #finOutbound = false;
  #finInbound = false;
  #closing = false;

  /** Begins a session. */
  constructor(remote: SocketAddress, expiresAt: number) {
    this.remote = remote;
    this.#expiresAt = expiresAt;
  }

  /** When it ends, in ms, if no further packet comes. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** Whether it has not ended yet. */
  isLive(now: number): boolean {
    return this.#expiresAt > now;
  }

  /** Makes it last until `expiresAt` at least. */
  prolong(expiresAt: number): void {
    this.#expiresAt = Math.max(this.#expiresAt, expiresAt);
  }

  /** Takes note of a packet of the session. */
  see(
    packet: UdpPacket | TcpSegment,
    { direction, now, behavior }: {
      readonly direction: "outbound" | "inbound";
      readonly now: number;
      readonly behavior: Required<NatBehavior>;
    },
  ): void {
    if (packet.protocol === "udp") {
      if (direction === "outbound" || behavior.inboundRefresh) {
        this.prolong(now + behavior.lifetimeMs);
      }
      return;
    }
    const wasOpening = this.#initiator === "outbound" && !this.#answered;
    this.#follow(packet, direction);
    if (behavior.forgetsRefused && wasOpening && packet.rst && direction === "inbound") {
      this.#expiresAt = now;
      return;
    }
    const lasts = this.#established && !this.#closing
      ? behavior.tcpEstablishedMs
      : behavior.tcpTransitoryMs;
    this.#expiresAt = now + lasts;
  }

  /** RFC 5382 section 5: a connection is established, partially open or closing. */
  #follow(segment: TcpSegment, direction: "outbound" | "inbound"): void {
    if (segment.syn && segment.acknowledgement === undefined && this.#closing) this.#begin();
    this.#initiator ??= direction;
    if (direction !== this.#initiator) this.#answered = true;
    if (segment.fin && direction === "outbound") this.#finOutbound = true;
    if (segment.fin && direction === "inbound") this.#finInbound = true;
    if (segment.rst || (this.#finOutbound && this.#finInbound)) this.#closing = true;
    if (this.#answered && !segment.syn && !segment.rst && segment.acknowledgement !== undefined) {
      this.#established = true;
    }
  }

  /** A port that was used for one connection may be used for the next. */
  #begin(): void {
    this.#initiator = undefined;
    this.#answered = this.#established = this.#closing = false;
    this.#finOutbound = this.#finInbound = false;
  }
}
