import type { Socket } from "node:net";
import { formatIp, type SocketAddress } from "../wire/mod.ts";

/** How {@linkcode knock} connects. */
export interface KnockOptions {
  /** The local IP address to connect from; the port is the system's choice. @default by route */
  readonly localIp?: Uint8Array | undefined;
  /** What to write once connected. */
  readonly greeting: Uint8Array;
  /** ms after which the attempt has timed out. */
  readonly timeoutMs: number;
  /** Gives the attempt up, as a timeout. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a {@linkcode knock}. */
export type KnockOutcome = "connected" | "refused" | "timed-out" | "unreachable";

/**
 * Connects over TCP, writes a few bytes and closes again: to see whether somebody can be reached.
 * Never rejects.
 */
export async function knock(target: SocketAddress, options: KnockOptions): Promise<KnockOutcome> {
  const { localIp, greeting, timeoutMs, signal } = options;
  // Loaded when it is needed, here and not above: it takes longer to load than all the rest.
  // node:net, because Deno.connect cannot choose the address that it connects from
  const { connect } = await import("node:net");
  // An event that is over is not told again: without this the attempt would take its full time
  if (signal?.aborted) return "timed-out";
  const { promise, resolve } = Promise.withResolvers<KnockOutcome>();
  const socket: Socket = connect({
    host: formatIp(target.ip),
    port: target.port,
    ...localIp === undefined ? {} : { localAddress: formatIp(localIp) },
  });
  const timer = setTimeout(() => resolve("timed-out"), timeoutMs);
  const giveUp = () => resolve("timed-out");
  signal?.addEventListener("abort", giveUp, { once: true });
  socket.on("error", (error: Error & { code?: string }) => {
    resolve(OUTCOMES[error.code ?? ""] ?? "unreachable");
  });
  socket.on("connect", () => {
    // The greeting goes out with the FIN behind it; whoever listens has it before the end
    socket.end(greeting, () => resolve("connected"));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    if (socket.writableFinished) socket.destroySoon();
    else socket.destroy();
  }
}

const OUTCOMES: Readonly<Record<string, KnockOutcome>> = {
  ECONNREFUSED: "refused",
  // A firewall or NAT that answers for its host
  ECONNRESET: "refused",
  ETIMEDOUT: "timed-out",
};
