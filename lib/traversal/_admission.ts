import type { Clock } from "../ops/mod.ts";
import { ipInPrefix, type IpPrefix } from "../protocol/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import type { GatewayDeniedEvent } from "./gateway_event.ts";

/** What an {@linkcode Admission} goes by. */
export interface AdmissionOptions {
  /** Who may come; everybody if it is empty. */
  readonly allow: readonly IpPrefix[];
  /** How many there may be at a time. */
  readonly most: number;
  /** Tells the time. */
  readonly clock: Clock;
  /** Told of those who are turned away. */
  readonly onDenied: (event: GatewayDeniedEvent) => void;
}

/** Decides who is let in. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #denied = new Map<GatewayDeniedEvent["reason"], { until: number; count: number }>();

  /** Makes one. */
  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether a newcomer is let in while there are so many already. */
  admits(from: SocketAddress, open: number): boolean {
    const { allow, most } = this.#options;
    if (allow.length > 0 && !allow.some((prefix) => ipInPrefix(from.ip, prefix))) {
      return this.deny(from, "not-allowed");
    }
    return open < most || this.deny(from, "too-many");
  }

  /** Turns somebody away, whatever the options say. */
  deny(from: SocketAddress, reason: GatewayDeniedEvent["reason"]): false {
    const { clock, onDenied } = this.#options;
    const now = clock.now();
    const told = this.#denied.get(reason) ?? { until: -Infinity, count: 0 };
    this.#denied.set(reason, told);
    told.count++;
    if (now >= told.until) {
      onDenied({ event: "denied", from, reason, count: told.count });
      Object.assign(told, { until: now + DENIED_INTERVAL_MS, count: 0 });
    }
    return false;
  }
}

/** A stranger who knocks as fast as he can makes one line a second of it. */
const DENIED_INTERVAL_MS = 1000;
