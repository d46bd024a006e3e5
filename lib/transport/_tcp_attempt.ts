import {
  formatIp,
  formatSocketAddress,
  isUnspecifiedIp,
  type SocketAddress,
  socketAddress,
} from "../wire/mod.ts";
import type { ConnectionError } from "./connection_error.ts";
import { LocalPortError } from "./local_port_error.ts";
import { type DialAttempt, toDialError } from "./tcp.ts";

/** An attempt to connect over TCP from a chosen local end. */
export interface TcpAttempt extends DialAttempt {
  /** The peer. */
  readonly to: SocketAddress;
  /** The local end; all zeros for any IP address. */
  readonly from: SocketAddress;
  /** ms of silence after which TCP sends keep-alive probes; the system's choice if undefined. */
  readonly keepAliveMs: number | undefined;
}

/** What {@linkcode tcpAttempt} takes. */
export type TcpAttemptOptions = Omit<TcpAttempt, "name">;

/**
 * Checks what an attempt is made of.
 *
 * @throws {RangeError} If an argument is out of range, the peer's port is 0, or the addresses are of
 * two families.
 */
export function tcpAttempt(options: TcpAttemptOptions): TcpAttempt {
  const { keepAliveMs, signal } = options;
  const to = socketAddress(options.to.ip, options.to.port);
  const from = socketAddress(options.from.ip, options.from.port);
  const name = `Cannot connect to tcp ${formatSocketAddress(to)} from port ${from.port}`;
  if (to.port === 0) throw new RangeError(`${name}: the port is 0, wanted 1 to 65535`);
  if (from.ip.length !== to.ip.length) {
    throw new RangeError(
      `${name}: the local IP address has ${from.ip.length} bytes, wanted ${to.ip.length}`,
    );
  }
  if (keepAliveMs !== undefined && !(keepAliveMs >= 1000 && keepAliveMs <= MAX_KEEP_ALIVE_MS)) {
    throw new RangeError(
      `${name}: keepAliveMs is ${keepAliveMs}, wanted 1000 to ${MAX_KEEP_ALIVE_MS}`,
    );
  }
  return { to, from, name, keepAliveMs, signal };
}

/**
 * Turns what ended an attempt into an error: that of `bind` or `connect`, with their names in
 * `syscall` and `errno`'s in `code`, or whatever else was thrown.
 */
export function toAttemptError(cause: unknown, attempt: TcpAttempt): ConnectionError {
  const { from, to, name, signal } = attempt;
  if (signal?.aborted || !(cause instanceof Error)) return toDialError(cause, attempt);
  const { code, syscall } = cause as Error & { readonly code?: string; readonly syscall?: string };
  if (code === "EADDRINUSE") {
    const message =
      `${name}: the local port is in use; what listens on it has to listen afterwards`;
    return new LocalPortError(message, { problem: "in-use", cause });
  }
  // Deno says EINVAL where Linux says EADDRNOTAVAIL
  if (code !== "EADDRNOTAVAIL" && code !== "EINVAL") return toDialError(cause, attempt);
  if (syscall === "bind") {
    const message = `${name}: ${formatIp(from.ip)} is not an address of this host`;
    return new LocalPortError(message, { problem: "not-local", cause });
  }
  const doubt = isUnspecifiedIp(from.ip)
    ? ""
    : `, or there is no way to ${formatIp(to.ip)} from ${formatIp(from.ip)}`;
  const message = `${name}: the port is, or was a moment ago, connected to that address${doubt}`;
  return new LocalPortError(message, { problem: "pair-in-use", cause });
}

/** TCP_KEEPIDLE is at most 32,767 seconds on Linux. */
const MAX_KEEP_ALIVE_MS = 32_767_000;
