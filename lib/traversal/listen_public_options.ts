import { inTime, resolveServers } from "../client/mod.ts";
import {
  type Clock,
  type Logger,
  type Randomness,
  silentLogger,
  systemClock,
  systemRandomness,
} from "../ops/mod.ts";
import type { AddressFamily, SocketAddress, StunUri } from "../wire/mod.ts";
import { CANNOT, explaining, PURPOSE } from "./_endpoint_failure.ts";

/** How a public address is had and kept, over TCP and UDP alike. */
export interface ListenPublicOptions {
  /**
   * The servers, `stun:` URIs, eight at most. Of two or more it can be told whether the NAT gives each
   * destination another address; of one it cannot.
   */
  readonly servers: readonly (string | StunUri)[];
  /** The local port. @default {0} one that is free */
  readonly localPort?: number | undefined;
  /** The local IP address, 4 or 16 bytes. @default any */
  readonly localIp?: Uint8Array | undefined;
  /** Only this family. @default {undefined} that of `localIp`, or IPv4 where a server has it, or IPv6 */
  readonly family?: AddressFamily | undefined;
  /**
   * ms between two questions to one server, 100 or more; `Infinity` asks but once, so that the mapping
   * lasts as long as the NAT pleases. NATs forget TCP mappings after an hour or two as a rule and UDP
   * mappings after 30 s at the soonest.
   *
   * @default {25000}
   */
  readonly keepAliveMs?: number | undefined;
  /** ms after which to give up when no server answers at first, looking up names included. @default {15000} */
  readonly timeoutMs?: number | undefined;
  /** Gives it up, and closes it later. */
  readonly signal?: AbortSignal | undefined;
  /** Told of all events, those included that come before the promise resolves. */
  readonly onEvent?: ((event: Event) => void) | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses transaction ids and tokens, and spreads attempts. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
  /** Takes warnings. @default {silentLogger} */
  readonly logger?: Logger | undefined;
}

/** {@linkcode ListenPublicOptions} with everything filled in, and the servers found. */
export interface PublicEndpointPlan {
  /** The servers' addresses. */
  readonly servers: readonly SocketAddress[];
  /** The family of them all. */
  readonly family: AddressFamily;
  /** What to bind to. */
  readonly local: SocketAddress;
  /** ms between two questions to one server. */
  readonly keepAliveMs: number;
  /** What is left of the time, in ms. */
  readonly timeoutMs: number;
  /** Gives it up, and closes it later. */
  readonly signal: AbortSignal | undefined;
  /** Told of all events. */
  readonly onEvent: (event: Event) => void;
  /** Tells the time. */
  readonly clock: Clock;
  /** Makes random bytes. */
  readonly randomness: Randomness;
  /** Takes warnings. */
  readonly logger: Logger;
}

/**
 * Fills in what is left out, and looks the servers up.
 *
 * @throws {PublicListenerError} If no server has an address, or it is given up (as a rejection).
 * @throws {RangeError} If an option is out of range (as a rejection).
 */
export async function planPublicEndpoint(
  options: ListenPublicOptions,
): Promise<PublicEndpointPlan> {
  const { localPort = 0, localIp, keepAliveMs = 25_000, timeoutMs = 15_000, signal } = options;
  const { clock = systemClock } = options;
  if (options.servers.length > MAX_SERVERS) {
    throw new RangeError(
      `${CANNOT}: ${options.servers.length} servers are given, wanted ${MAX_SERVERS} at most`,
    );
  }
  if (!(keepAliveMs >= MIN_KEEP_ALIVE_MS)) {
    throw new RangeError(
      `${CANNOT}: keepAliveMs is ${keepAliveMs}, wanted ${MIN_KEEP_ALIVE_MS} or more`,
    );
  }
  const begun = clock.now();
  const localFamily = localIp && (localIp.length === 4 ? 4 : 6);
  const wanted = options.family ?? localFamily;
  if (localFamily !== undefined && localFamily !== wanted) {
    throw new RangeError(`${CANNOT}: localIp is IPv${localFamily}, wanted IPv${wanted}`);
  }
  const { logger = silentLogger } = options;
  const servers = await explaining(
    signal,
    () =>
      inTime({ timeoutMs, clock, signal }, (signal) =>
        resolveServers(options.servers, {
          purpose: PURPOSE,
          family: wanted,
          signal,
          onSkipped: (server, reason) => logger.warn("server not used", { server, reason }),
        })),
  );
  const family = servers[0]!.ip.length === 4 ? 4 : 6;
  return {
    servers,
    family,
    local: { ip: localIp ?? new Uint8Array(family === 4 ? 4 : 16), port: localPort },
    keepAliveMs,
    timeoutMs: Math.max(1, begun + timeoutMs - clock.now()),
    signal,
    onEvent: options.onEvent ?? (() => {}),
    clock,
    randomness: options.randomness ?? systemRandomness,
    logger,
  };
}

/** Each costs a connection, and a look at each change; more than three or four tell nothing new. */
const MAX_SERVERS = 8;

/** More often than that is no keeping alive but an attack. */
const MIN_KEEP_ALIVE_MS = 100;
