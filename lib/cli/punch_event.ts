import type { PunchPrediction } from "../protocol/discovery/mod.ts";
import type { PunchCandidate } from "../protocol/punch/mod.ts";
import type { StreamForwardEnd } from "../traversal/mod.ts";
import { formatSocketAddress, type SocketAddress } from "../wire/mod.ts";

/** What `pinhole punch` tells, and `--json` prints a line each of. */
export type PunchEvent =
  /** What the other side needs. */
  | { readonly event: "code"; readonly code: string }
  /** What was given as the other side's code is none. */
  | { readonly event: "unreadable"; readonly reason: string }
  /** The board has let this side into the room. */
  | {
    readonly event: "room";
    readonly room: string;
    /** How the board calls this side. */
    readonly peer: string;
    /** The STUN servers that are asked. */
    readonly servers: readonly string[];
  }
  /** Nobody is in the room to meet, but for so many who want another transport or family. */
  | { readonly event: "waiting"; readonly unfit: number }
  /** This peer of the room it is. */
  | { readonly event: "peer"; readonly peer: string }
  /** The board is lost for now. */
  | { readonly event: "disconnected"; readonly retryInMs: number }
  /** Both codes are there, and it begins. */
  | {
    readonly event: "punching";
    /** Where it was not this side's to choose. */
    readonly transport?: "udp" | "tcp";
    /** What both sides know of their NATs lets expect this. */
    readonly prediction?: PunchPrediction["will"];
    readonly candidates: readonly PunchCandidate[];
  }
  /** There is no way over this transport, and the other one is used. */
  | {
    readonly event: "missed";
    readonly transport: "udp" | "tcp";
    readonly code: string;
    readonly reason: string;
  }
  /** There is a path. */
  | {
    readonly event: "connected";
    readonly transport: "udp" | "tcp";
    readonly local: SocketAddress;
    readonly remote: SocketAddress;
    readonly elapsedMs: number;
    /** Of UDP alone. */
    readonly rttMs?: number;
  }
  /** A local port is joined to the path, or a service is. */
  | { readonly event: "forwarding"; readonly what: string }
  /** It is over: both sides have said all, the path broke or was lost, or this side stopped. */
  | { readonly event: "closed"; readonly outcome: StreamForwardEnd; readonly reason: string }
  /** There is no path. */
  | { readonly event: "failed"; readonly code: string; readonly reason: string };

/** An event as `--json` prints it: addresses as text, times in ms. */
export function punchEventJson(event: PunchEvent, wallTime: number): Record<string, unknown> {
  const { event: name, ...fields } = event;
  return { event: name, time: new Date(wallTime).toISOString(), ...plain(fields) as object };
}

/** An event in words for a person, in lines. */
export function punchEventText(event: PunchEvent): string {
  switch (event.event) {
    case "code":
      // Alone in its line, for whoever copies it
      return `Give the other side this code:\n\n${event.code}\n\nPaste the other side's code:`;
    case "unreadable":
      return `${event.reason}\nPaste the other side's code:`;
    case "room":
      return `in room ${event.room}, asking ${event.servers.join(", ")}`;
    case "waiting": {
      const unfit = event.unfit === 0 ? "" : `; ${event.unfit} there cannot be met over this ` +
        "transport and family";
      return `waiting for the other side${unfit}`;
    }
    case "peer":
      return `the other side is there: ${event.peer}`;
    case "disconnected":
      return `the board is lost, connecting again in ${(event.retryInMs / 1000).toFixed(1)} s`;
    case "missed":
      return event.reason;
    case "punching": {
      const places = event.candidates.map(({ address }) => formatSocketAddress(address));
      const over = event.transport === undefined ? "" : `over ${event.transport.toUpperCase()} `;
      return `punching ${over}to ${places.join(", ") || "wherever the other side comes from"}`;
    }
    case "connected": {
      const rtt = event.rttMs === undefined ? "" : `, round trip ${event.rttMs.toFixed(0)} ms`;
      return `connected over ${event.transport.toUpperCase()}: ` +
        `${formatSocketAddress(event.local)} to ${formatSocketAddress(event.remote)} ` +
        `after ${(event.elapsedMs / 1000).toFixed(1)} s${rtt}`;
    }
    case "forwarding":
      return `forwarding ${event.what}`;
    case "closed":
      return `${event.outcome}: ${event.reason}`;
    case "failed":
      return `error: ${event.reason}`;
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value * 1000) / 1000;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("ip" in value) return formatSocketAddress(value as SocketAddress);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}
