import type { TcpPortSharing } from "../transport/mod.ts";
import type { DialBackFinding, GatewayEvent, HoldingState } from "../traversal/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** What `pinhole expose` tells, and `--json` prints a line each of. */
export type ExposeEvent =
  /** It has begun. */
  | {
    readonly event: "listening";
    readonly transport: "tcp" | "udp";
    /** The service, as it was named. */
    readonly service: string;
    readonly local: SocketAddress;
    readonly nat: boolean;
    /** How the port is shared; of TCP alone. */
    readonly sharing?: TcpPortSharing;
  }
  /** A public address was learned, or has changed. */
  | {
    readonly event: "refresh";
    readonly public: SocketAddress;
    readonly previous: SocketAddress | undefined;
    readonly local: SocketAddress;
  }
  /** Whether strangers can connect was tried: they can, or they cannot or it could not be told. */
  | {
    readonly event: "verified" | "unverified";
    readonly public: SocketAddress;
    readonly reachable: boolean | null;
    readonly reason: string;
    readonly dialBack: readonly DialBackFinding[];
  }
  /** No server holds the public address any more. */
  | { readonly event: "lost"; readonly reason: string }
  /** Something happened to one of those that hold it. */
  | {
    readonly event: "server";
    readonly holder: string;
    readonly state: HoldingState;
    readonly afterMs: number | undefined;
    readonly reason: string | undefined;
    readonly redialMs: number | undefined;
  }
  /** The port was not listened on for a moment. */
  | { readonly event: "gap"; readonly ms: number }
  /** How things stand; now and then, where something has changed. */
  | {
    readonly event: "traffic";
    readonly open: number;
    readonly receivedBytes: number;
    readonly sentBytes: number;
  }
  /** The command or the webhook was told of a change. */
  | { readonly event: "hook" | "webhook"; readonly ok: boolean; readonly detail: string }
  /** It could not begin, or not go on. */
  | { readonly event: "failed"; readonly code: string; readonly reason: string }
  /** It is over: by a signal, or because the listener broke. */
  | { readonly event: "stopped"; readonly reason: string }
  | GatewayEvent;

/** An event as `--json` prints it: addresses as text, what is not there as `null`. */
export function exposeEventJson(event: ExposeEvent, wallTime: number): Record<string, unknown> {
  const { event: name, ...fields } = event;
  return { event: name, time: new Date(wallTime).toISOString(), ...plainFields(fields) };
}

/** A dial-back as `--json` prints it. */
export function dialBackJson(finding: DialBackFinding): Record<string, unknown> {
  return plainFields({
    from: finding.from,
    outcome: finding.outcome,
    elapsedMs: finding.elapsedMs,
    server: finding.server,
    changeAddress: finding.changeAddress,
  });
}

function plainFields(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(key, value)]));
}

function plain(key: string, value: unknown): unknown {
  if (key === "dialBack") return (value as readonly DialBackFinding[]).map(dialBackJson);
  if (value === undefined) return null;
  if (typeof value === "number") return Math.round(value * 1000) / 1000;
  return isAddress(value) ? formatSocketAddress(value) : value;
}

function isAddress(value: unknown): value is SocketAddress {
  return typeof value === "object" && value !== null && "ip" in value;
}
