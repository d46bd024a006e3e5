import { inTime, QueryError, resolveServers } from "../client/mod.ts";
import {
  type Clock,
  type Logger,
  type Randomness,
  silentLogger,
  systemClock,
  systemRandomness,
} from "../ops/mod.ts";
import type { KeeperNews } from "../protocol/mod.ts";
import { ConnectionError, ListenError, LocalPortError, ResolveError } from "../transport/mod.ts";
import {
  type AddressFamily,
  formatSocketAddress,
  type SocketAddress,
  type StunUri,
} from "../wire/mod.ts";
import type { LinkFailure, MappingHolder } from "./_mapping_holder.ts";
import type { StunLink } from "./_stun_link.ts";
import type { UdpLink } from "./_udp_link.ts";
import {
  HoldingEvent,
  PublicAddressEvent,
  PublicAddressLostEvent,
  PublicListenerCloseEvent,
} from "./public_listener.ts";
import { PublicListenerError } from "./public_listener_error.ts";

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
  const wanted = options.family ?? (localIp && (localIp.length === 4 ? 4 : 6));
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

/** What a socket with a public address is, whatever the transport. */
export abstract class PublicEndpoint extends EventTarget implements AsyncDisposable {
  /** What it was made with. */
  protected readonly plan: PublicEndpointPlan;
  readonly #abort = () => void this.close();
  #publicAddress: SocketAddress | undefined;
  #localAddress: SocketAddress;
  #nat = false;
  #lastLoss = "";
  #closing: Promise<void> | undefined;

  /** Makes one that has no public address yet. */
  constructor(plan: PublicEndpointPlan, localAddress: SocketAddress) {
    super();
    this.plan = plan;
    this.#localAddress = localAddress;
  }

  /** The local end, with the IP address that the way to the server has. */
  get localAddress(): SocketAddress {
    return this.#localAddress;
  }

  /** The public address; undefined while it is lost. */
  get publicAddress(): SocketAddress | undefined {
    return this.#publicAddress;
  }

  /** Whether something translates between the two. */
  get nat(): boolean {
    return this.#nat;
  }

  /** Closes it, and waits until nothing of it is left. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** As {@linkcode PublicEndpoint.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What holds the mapping. */
  protected abstract readonly holder: MappingHolder<StunLink> | MappingHolder<UdpLink>;

  /** Closes what belongs to the transport. */
  protected abstract release(error: Error | undefined): Promise<void>;

  /**
   * Waits for the public address.
   *
   * @throws {PublicListenerError} If there is none (as a rejection).
   */
  protected async settle(): Promise<void> {
    const { clock, timeoutMs, signal } = this.plan;
    const outcome = await inTime({ timeoutMs, clock, signal }, async (signal) => {
      const { promise, resolve } = Promise.withResolvers<"given-up">();
      const giveUp = () => resolve("given-up");
      if (signal.aborted) giveUp();
      signal.addEventListener("abort", giveUp, { once: true });
      return await Promise.race([this.holder.start(), promise]);
    });
    if (signal?.aborted) throw abortedError(signal);
    if (outcome === "found") {
      signal?.addEventListener("abort", this.#abort, { once: true });
      return;
    }
    if (outcome === "depends") {
      const message = `${CANNOT}: the NAT gives each destination another one, which is of no use ` +
        `to others: ${this.#lastLoss}`;
      throw new PublicListenerError(message, { code: "mapping-depends" });
    }
    throw this.#noServer();
  }

  /** Closes it because it cannot go on. */
  protected fail(error: Error): void {
    this.#closing ??= this.#close(error);
  }

  /** Tells everybody. */
  protected emit(event: Event): void {
    this.plan.onEvent(event);
    this.dispatchEvent(event);
  }

  /** Takes what has become known. */
  protected readonly take = (news: KeeperNews, holder: string): void => {
    switch (news.kind) {
      case "refresh": {
        const { found: { publicAddress, by }, previous } = news;
        this.#publicAddress = publicAddress;
        this.#localAddress = by.local;
        this.#nat = !by.own;
        const { local: localAddress, server } = by;
        return this.emit(new PublicAddressEvent({ publicAddress, previous, localAddress, server }));
      }
      case "lost":
        this.#publicAddress = undefined;
        this.#lastLoss = news.reason;
        return this.emit(new PublicAddressLostEvent(news.reason));
      case "holder":
        return this.emit(new HoldingEvent({ ...news, holder }));
    }
  };

  async #close(error?: Error): Promise<void> {
    // Not before the caller has what is returned, so that closing again waits for the same
    await undefined;
    this.plan.signal?.removeEventListener("abort", this.#abort);
    await this.release(error);
    await this.holder.close();
    this.#publicAddress = undefined;
    this.emit(new PublicListenerCloseEvent(error));
  }

  #noServer(): PublicListenerError {
    const failures = [...this.holder.failures].map(([server, { reason: message, code }]) => ({
      server,
      message,
      code,
    }));
    const [worst] = failures.toSorted((a, b) => TELLING.indexOf(a.code) - TELLING.indexOf(b.code));
    const code = worst?.code ?? "timed-out";
    const message = worst?.message ?? "no server answers in time";
    return new PublicListenerError(`${CANNOT}: ${message}`, { code, failures });
  }
}

/** Makes sense of why no link to a server came about; throws what is none of that. */
export function diagnoseLink(error: unknown): LinkFailure {
  if (error instanceof LocalPortError) return { reason: error.message, code: "port-in-use" };
  if (error instanceof ConnectionError) {
    const code = error.code === "timed-out" ? "timed-out" : "no-server";
    return { reason: error.message, code };
  }
  if (error instanceof ResolveError) return { reason: error.message, code: "no-server" };
  if (error instanceof ListenError) return { reason: error.message, code: portCode(error) };
  throw error;
}

/** Does something and has its errors be {@linkcode PublicListenerError}s, where they are not mistakes. */
export async function explaining<T>(
  signal: AbortSignal | undefined,
  attempt: () => Promise<T> | T,
): Promise<T> {
  if (signal?.aborted) throw abortedError(signal);
  try {
    return await attempt();
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof ListenError) {
      throw new PublicListenerError(error.message, { code: portCode(error), cause: error });
    }
    if (error instanceof QueryError) {
      const late = error.code === "timed-out" || error.code === "aborted";
      const code = late ? "timed-out" : "no-server";
      throw new PublicListenerError(error.message, { code, cause: error });
    }
    throw error;
  }
}

/** The name of a holder that is a server. */
export function nameOf(server: SocketAddress): string {
  return formatSocketAddress(server);
}

function portCode({ code }: ListenError): "port-in-use" | "other" {
  return code === "address-in-use" || code === "address-not-available" ? "port-in-use" : "other";
}

function abortedError(signal: AbortSignal): PublicListenerError {
  return new PublicListenerError(`${CANNOT}: it was given up`, {
    code: "aborted",
    cause: signal.reason,
  });
}

const PURPOSE = "have a public address";

/** How all messages begin. */
export const CANNOT: string = `Cannot ${PURPOSE}`;

/** The nearer to an answer, the more it tells. */
const TELLING: readonly LinkFailure["code"][] = [
  "port-in-use",
  "bad-response",
  "other",
  "no-server",
  "timed-out",
];

/** Each costs a connection, and a look at each change; more than three or four tell nothing new. */
const MAX_SERVERS = 8;

/** More often than that is no keeping alive but an attack. */
const MIN_KEEP_ALIVE_MS = 100;
