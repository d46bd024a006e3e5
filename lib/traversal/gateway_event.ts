import type { SocketAddress } from "../wire/mod.ts";
import type { StreamForwardEnd } from "./stream_forward.ts";

/** What a {@linkcode TcpGateway} or {@linkcode UdpGateway} tells of those who come. */
export type GatewayEvent = GatewayConnectionEvent | GatewayClosedEvent | GatewayDeniedEvent;

/** Somebody has come and is let in. */
export interface GatewayConnectionEvent {
  /** Tells it from the others. */
  readonly event: "connection";
  /** Tells this visitor from others; counts from 1. */
  readonly id: number;
  /** Who it is. */
  readonly from: SocketAddress;
  /** How many there are now, this one included. */
  readonly open: number;
}

/** Somebody who had been let in is gone. */
export interface GatewayClosedEvent {
  /** Tells it from the others. */
  readonly event: "closed";
  /** As it was told when it came. */
  readonly id: number;
  /** Who it was. */
  readonly from: SocketAddress;
  /** Why: as for {@linkcode StreamForward}, or the service cannot be reached; `idle` over UDP as well. */
  readonly outcome: StreamForwardEnd | "no-service";
  /** What failed, in a sentence, if the service could not be reached. */
  readonly reason?: string | undefined;
  /** How many bytes went to the service. */
  readonly receivedBytes: number;
  /** How many bytes of the service went out. */
  readonly sentBytes: number;
  /** For how many ms it was there. */
  readonly elapsedMs: number;
  /** How many there are now. */
  readonly open: number;
}

/** Somebody was turned away. It is told once a second at most for each reason. */
export interface GatewayDeniedEvent {
  /** Tells it from the others. */
  readonly event: "denied";
  /** The last of them. */
  readonly from: SocketAddress;
  /** Its address is not one of those allowed, or there are too many already. */
  readonly reason: "not-allowed" | "too-many";
  /** How many it were since the last such event, this one included. */
  readonly count: number;
}
