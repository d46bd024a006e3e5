import type { Clock } from "../ops/mod.ts";
import { formatSocketAddress } from "../wire/mod.ts";
import { type ExposeEvent, exposeEventJson } from "./expose_event.ts";
import type { Progress } from "./terminal.ts";

/** Where an {@linkcode ExposeReport} writes, and how. */
export interface ExposeReportOptions {
  /** One JSON object per event; else text for people. */
  readonly json: boolean;
  /** Writes a line. */
  readonly write: (line: string) => void;
  /** The line for how things stand. */
  readonly progress: Pick<Progress, "show" | "clear">;
  /** Tells the time. */
  readonly clock: Clock;
}

/** Tells a person or a program what `pinhole expose` does. */
export class ExposeReport {
  readonly #options: ExposeReportOptions;
  #visitors = 0;

  /** Makes one. */
  constructor(options: ExposeReportOptions) {
    this.#options = options;
  }

  /** Tells of an event. */
  tell(event: ExposeEvent): void {
    const { json, write, progress, clock } = this.#options;
    if (json) return write(JSON.stringify(exposeEventJson(event, clock.wallTime())));
    if (event.event === "connection") this.#visitors++;
    const traffic = event.event === "traffic" ? this.#traffic(event) : undefined;
    if (traffic !== undefined) return progress.show(traffic);
    const text = exposeEventText(event);
    if (text === undefined) return;
    progress.clear();
    write(`${new Date(clock.wallTime()).toISOString()} ${text}`);
  }

  #traffic(event: ExposeEvent & { readonly event: "traffic" }): string {
    const { open, receivedBytes, sentBytes } = event;
    return `${open} open, ${this.#visitors} so far, ` +
      `${bytes(receivedBytes)} in, ${bytes(sentBytes)} out`;
  }
}

/** An event in a line for a person; undefined if the traffic says as much. */
export function exposeEventText(event: ExposeEvent): string | undefined {
  switch (event.event) {
    case "listening":
      return `forwarding ${event.transport.toUpperCase()} from ` +
        `${formatSocketAddress(event.local)} to ${event.service}` +
        (event.nat ? "" : ", with no NAT on the way");
    case "refresh": {
      const before = event.previous && ` (was ${formatSocketAddress(event.previous)})`;
      return `public address ${formatSocketAddress(event.public)}${before ?? ""}`;
    }
    case "verified":
      return `verified: ${event.reason}`;
    case "unverified":
      return event.reachable === false
        ? `NOT reachable: ${event.reason}`
        : `whether strangers can connect cannot be told: ${event.reason}`;
    case "lost":
      return `lost: ${event.reason}`;
    case "server":
      return serverText(event);
    case "gap":
      return `not reachable for ${event.ms.toFixed(0)} ms, while a server was dialled again`;
    case "denied": {
      const why = event.reason === "too-many" ? "there are too many" : "not allowed";
      const others = event.count > 1 ? ` and ${event.count - 1} more` : "";
      return `turned away ${formatSocketAddress(event.from)}${others}: ${why}`;
    }
    case "closed":
      return event.outcome === "no-service"
        ? `turned away ${formatSocketAddress(event.from)}: ${event.reason}`
        : undefined;
    case "hook":
      return event.ok ? undefined : `the command of --on-change failed: ${event.detail}`;
    case "webhook":
      return event.ok ? undefined : `the webhook failed: ${event.detail}`;
    case "failed":
      return `failed: ${event.reason}`;
    case "stopped":
      return `stopped: ${event.reason}`;
    case "connection":
    case "traffic":
      return undefined;
  }
}

function serverText(event: ExposeEvent & { readonly event: "server" }): string {
  const { holder, state, afterMs, reason, redialMs } = event;
  const after = afterMs === undefined ? "" : ` after ${seconds(afterMs)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  const again = redialMs === undefined ? "" : `; dialled again in ${seconds(redialMs)}`;
  const what = state === "not-holding" ? "does not keep connections open: closed" : state;
  return `${holder} ${what}${after}${why}${again}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** `999 B`, `1.5 KB`, `20 MB`. */
function bytes(count: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const number = count / 1000 ** unit;
  return `${unit === 0 || number >= 10 ? number.toFixed(0) : number.toFixed(1)} ${UNITS[unit]}`;
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];
