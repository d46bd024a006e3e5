import type { Clock, Logger, Randomness } from "../ops/mod.ts";
import type { AddressTokenAuthority, Authenticator, IpPrefix } from "../protocol/mod.ts";
import type { CertifiedKey, DatagramIo, StreamIo } from "../transport/mod.ts";
import type { ListenPlanOptions, ServicePorts } from "./listen_plan.ts";
import type { StreamLimits } from "./stream_service.ts";

/** How a `StunServer` treats those who ask: what can change while it runs. */
export interface ServerPolicy {
  /** The text of SOFTWARE in every answer. @default {undefined} no SOFTWARE */
  readonly software?: string | undefined;
  /** Who may ask at all. @default {undefined} everyone */
  readonly authenticator?: Authenticator | undefined;
  /** How often one source may ask. @default {undefined} as often as it likes */
  readonly rateLimit?: ServerRateLimit | undefined;
  /** Whether clients on TCP may ask to be dialled back. @default {true} */
  readonly dialBack?: boolean | undefined;
  /** Issues the address tokens that clients ask for. @default {undefined} none are issued */
  readonly addressTokens?: AddressTokenAuthority | undefined;
  /** The load balancers whose PROXY headers on TCP are believed. @default {[]} */
  readonly proxies?: readonly IpPrefix[] | undefined;
  /** ms after which a connection whose client sends nothing is closed. @default {600000} */
  readonly idleTimeoutMs?: number | undefined;
  /** The most TCP connections in all. @default {16384} */
  readonly maxConnections?: number | undefined;
  /** The most TCP connections of one IPv4 address or IPv6 /64. @default {512} */
  readonly maxConnectionsPerAddress?: number | undefined;
}

/** How a `StunServer` serves. */
export interface StunServerOptions extends ListenPlanOptions, ServerPolicy {
  /** The port of UDP and TCP; 0 lets the system choose one, the same for both. @default {3478} */
  readonly port?: number | undefined;
  /** The alternate port of RFC 5780. @default one above `port` */
  readonly alternatePort?: number | undefined;
  /** What to serve. @default {["udp", "tcp"]} */
  readonly transports?: readonly ("udp" | "tcp")[] | undefined;
  /** TLS, where it is to be served too. @default {undefined} no TLS */
  readonly tls?: ServerTls | undefined;
  /** How UDP sockets are opened. @default through `Deno.listenDatagram` */
  readonly datagramIo?: DatagramIo | undefined;
  /** How TCP is listened on; TLS always is in Deno's way. @default through `Deno.listen` */
  readonly streamIo?: StreamIo | undefined;
  /**
   * How many threads serve UDP, 1 to 64. From 2 on each is a worker with sockets of its own, over which
   * the system spreads the clients (SO_REUSEPORT), and `datagramIo` must be able to share sockets: that
   * in batches, see `chooseDatagramIo()`. TCP and TLS stay on this thread: they wait for the system more
   * than for a processor.
   *
   * Their counters are added up. A rate limit is one for all threads, and approximate: two that count at
   * the very same moment may count one request for two. Workers go by the system's clock, set to what
   * `clock` shows when they begin. An `authenticator` must be one of this library's.
   *
   * @default {1} no worker
   */
  readonly workers?: number | undefined;
  /** Takes a sample of how long answering takes, in seconds. @default {undefined} nobody */
  readonly onLatency?: ((seconds: number) => void) | undefined;
  /** Takes the log. @default {silentLogger} */
  readonly logger?: Logger | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Keys the tables of sources. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/** How a `StunServer` serves TLS (RFC 8489 section 6.2.3). */
export interface ServerTls extends CertifiedKey {
  /** The port; 0 lets the system choose one. @default {5349} */
  readonly port?: number | undefined;
  /** The alternate port of RFC 5780. @default one above `port` */
  readonly alternatePort?: number | undefined;
}

/** How often one source, an IPv4 address or an IPv6 /64, may ask. */
export interface ServerRateLimit {
  /** Requests per second in the long run. */
  readonly ratePerSecond: number;
  /** Requests at once after a silence. */
  readonly burst: number;
  /** Sources that are not limited. @default {[]} */
  readonly exempt?: readonly IpPrefix[];
}

/** The services and their ports, with the defaults filled in. */
export function readServices(options: StunServerOptions): readonly ServicePorts[] {
  const { port = 3478, alternatePort, transports = ["udp", "tcp"], tls } = options;
  return [
    { transports, port, alternatePort },
    ...tls === undefined ? [] : [{
      transports: ["tls"] as const,
      port: tls.port ?? 5349,
      alternatePort: tls.alternatePort,
    }],
  ];
}

/**
 * The limits, with the defaults filled in.
 *
 * @throws {RangeError} If one is not above 0.
 */
export function readLimits(options: ServerPolicy): StreamLimits {
  const positive = (name: keyof ServerPolicy, fallback: number) => {
    const value = options[name] ?? fallback;
    if (typeof value === "number" && value > 0) return value;
    throw new RangeError(`Cannot make a server: ${name} is ${value}, wanted more than 0`);
  };
  return {
    // 16,384 held connections take some 250 MB; more is a decision for whoever has the memory
    maxConnections: positive("maxConnections", 16_384),
    // A large office behind one address has hundreds of clients; one client needs one or two
    maxConnectionsPerAddress: positive("maxConnectionsPerAddress", 512),
    maxMessageBytes: 2048, // fits a 1500-byte PADDING probe
    timeouts: {
      idleMs: positive("idleTimeoutMs", 600_000),
      partialMs: 30_000,
      writeMs: 30_000,
    },
  };
}

/**
 * How many threads serve UDP, with the default filled in.
 *
 * @throws {RangeError} If that is not 1 to 64, or the sockets cannot be shared.
 */
export function readWorkers({ workers = 1, datagramIo }: StunServerOptions): number {
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS)) {
    throw new RangeError(
      `Cannot make a server: workers is ${workers}, wanted a whole number of 1 to ${MAX_WORKERS}`,
    );
  }
  if (workers > 1 && datagramIo?.sharing === undefined) {
    throw new RangeError(
      `Cannot make a server: workers is ${workers}, which goes with UDP in batches`,
    );
  }
  return workers;
}

/** Each takes some 15 MB, and more of them than a host has cores gain nothing. */
const MAX_WORKERS = 64;
