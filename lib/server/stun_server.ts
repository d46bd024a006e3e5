import { type Clock, type Logger, silentLogger, systemClock } from "../ops/mod.ts";
import {
  type EndpointRole,
  type ResponderStatistics,
  StunResponder,
  type TransportProtocol,
} from "../protocol/mod.ts";
import {
  type DatagramTransport,
  ListenError,
  listenTcp,
  openDenoDatagram,
  type StreamListener,
} from "../transport/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, parseIp, type SocketAddress } from "../wire/mod.ts";
import { DatagramService } from "./datagram_service.ts";
import { type StreamLimits, StreamService } from "./stream_service.ts";

/** How a {@linkcode StunServer} serves. */
export interface StunServerOptions {
  /**
   * The IP addresses to listen on. `::` serves IPv4 too.
   *
   * @default {["::"]}, or `0.0.0.0` on a host without IPv6
   */
  readonly hostnames?: readonly string[] | undefined;
  /** The port; 0 lets the system choose one, the same for UDP and TCP. @default {3478} */
  readonly port?: number | undefined;
  /** What to serve. @default {["udp", "tcp"]} */
  readonly transports?: readonly ("udp" | "tcp")[] | undefined;
  /** The text of SOFTWARE in every answer. @default {undefined} no SOFTWARE */
  readonly software?: string | undefined;
  /** ms after which a connection whose client sends nothing is closed. @default {600000} */
  readonly idleTimeoutMs?: number | undefined;
  /** The most TCP connections in all. @default {16384} */
  readonly maxConnections?: number | undefined;
  /** The most TCP connections of one IPv4 address or IPv6 /64. @default {512} */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Takes the log. @default {silentLogger} */
  readonly logger?: Logger | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** An open socket of a {@linkcode StunServer}. */
export interface StunServerListener {
  /** What it serves. */
  readonly transport: TransportProtocol;
  /** The address it is bound to. */
  readonly address: SocketAddress;
  /** Which of the four sockets of RFC 5780 it is. */
  readonly role: EndpointRole;
  /** How it talks to the system: through Deno, or in batches. */
  readonly io: "deno" | "batched";
}

/**
 * A STUN server on UDP and TCP (RFC 8489, 5389, 3489) whose TCP connections are held for as long as
 * their clients use them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { query, StunServer } from "@pinhole/stun";
 *
 * await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
 * const [listener] = server.start();
 * const { reflexive } = await query(`stun:127.0.0.1:${listener!.address.port}`);
 * assertEquals(reflexive.ip, Uint8Array.of(127, 0, 0, 1));
 * ```
 */
export class StunServer {
  readonly #options: StunServerOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #running: Running | undefined;

  /** Makes a server that does not listen yet. */
  constructor(options: StunServerOptions = {}) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
  }

  /** What became of all messages so far; undefined before the start. */
  get statistics(): ResponderStatistics | undefined {
    return this.#running?.responder.statistics;
  }

  /** How many TCP connections are open. */
  get connections(): number {
    return this.#running?.streams.connections ?? 0;
  }

  /**
   * Opens the sockets and begins to answer.
   *
   * @returns The sockets, in the order of `hostnames`, then of `transports`.
   * @throws {ListenError} If a socket cannot be opened; then none is.
   * @throws {RangeError} If an option is out of its range.
   * @throws {TypeError} If the server has been started already.
   */
  start(): readonly StunServerListener[] {
    if (this.#running !== undefined) {
      throw new TypeError("Cannot start the server: it has been started already");
    }
    const { software, transports = ["udp", "tcp"], port = 3478 } = this.#options;
    const limits = readLimits(this.#options);
    const sockets = openAll({ hostnames: this.#options.hostnames, transports, port });
    const responder = new StunResponder({
      software,
      ownAddresses: sockets.map(addressOf).filter((address) => !isUnspecifiedIp(address.ip)),
    });
    const common = { responder, clock: this.#clock, logger: this.#logger };
    const endpoint = (socket: DatagramTransport | StreamListener) =>
      ({
        role: "primary",
        ...isUnspecifiedIp(socket.localAddress.ip) ? {} : { address: socket.localAddress },
      }) as const;
    const datagrams = sockets.filter((one) => one.transport === "udp").map(({ socket }) =>
      new DatagramService({
        ...common,
        endpoints: [{ transport: "udp", socket, ...endpoint(socket) }],
      })
    );
    const streams = new StreamService({
      ...common,
      limits,
      endpoints: sockets.filter((one) => one.transport === "tcp").map(({ listener }) => ({
        transport: "tcp",
        listener,
        ...endpoint(listener),
      })),
    });
    this.#running = { responder, datagrams, streams };
    for (const service of [...datagrams, streams]) service.start();
    return sockets.map((one) => this.#announce(one));
  }

  /** Stops: accepts nothing more, finishes what was read, closes everything. */
  async close(): Promise<void> {
    const { datagrams = [], streams } = this.#running ?? {};
    await Promise.all([...datagrams, streams].map((service) => service?.close()));
  }

  /** As {@linkcode StunServer.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #announce(one: OpenSocket): StunServerListener {
    const listener: StunServerListener = {
      transport: one.transport,
      address: addressOf(one),
      role: "primary",
      io: one.transport === "udp" ? one.socket.io : "deno",
    };
    const { transport, address, io } = listener;
    this.#logger.info("listening", { transport, address: formatSocketAddress(address), io });
    return listener;
  }
}

interface Running {
  readonly responder: StunResponder;
  readonly datagrams: readonly DatagramService[];
  readonly streams: StreamService;
}

type OpenSocket =
  | { readonly transport: "udp"; readonly socket: DatagramTransport }
  | { readonly transport: "tcp"; readonly listener: StreamListener };

interface Wanted {
  readonly hostnames: readonly string[] | undefined;
  readonly transports: readonly ("udp" | "tcp")[];
  readonly port: number;
}

/** Opens all sockets or none. */
function openAll(wanted: Wanted): OpenSocket[] {
  const opened: OpenSocket[] = [];
  try {
    if (wanted.hostnames === undefined) return openEverywhere(wanted);
    for (const hostname of wanted.hostnames) {
      const ip = parseIp(hostname);
      if (!ip.ok) throw new RangeError(`Cannot listen: ${ip.reason}`);
      opened.push(...openOn(ip.value, wanted));
    }
    return opened;
  } catch (error) {
    for (const one of opened) closeSocket(one);
    throw error;
  }
}

function openEverywhere(wanted: Wanted): OpenSocket[] {
  try {
    return openOn(new Uint8Array(16), wanted);
  } catch (error) {
    const noIpv6 = error instanceof ListenError &&
      (error.code === "unsupported" || error.code === "address-not-available");
    if (!noIpv6) throw error;
    return openOn(new Uint8Array(4), wanted);
  }
}

/** Every transport on one address. With port 0 the second takes the port that the first was given. */
function openOn(ip: Uint8Array, wanted: Wanted): OpenSocket[] {
  for (let attempt = 1;; attempt++) {
    const opened: OpenSocket[] = [];
    try {
      for (const transport of wanted.transports) {
        const port = opened[0] === undefined ? wanted.port : addressOf(opened[0]).port;
        opened.push(
          transport === "udp"
            ? { transport, socket: openDenoDatagram({ ip, port }) }
            : { transport, listener: listenTcp({ ip, port }) },
        );
      }
      return opened;
    } catch (error) {
      for (const one of opened) closeSocket(one);
      const portTaken = error instanceof ListenError && error.code === "address-in-use";
      // The system chose a port that is free for the one transport and taken for the other
      if (!portTaken || wanted.port !== 0 || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

function addressOf(one: OpenSocket): SocketAddress {
  return one.transport === "udp" ? one.socket.localAddress : one.listener.localAddress;
}

function closeSocket(one: OpenSocket): void {
  if (one.transport === "udp") one.socket.close();
  else one.listener.close();
}

function readLimits(options: StunServerOptions): StreamLimits {
  const positive = (name: keyof StunServerOptions, fallback: number) => {
    const value = options[name] ?? fallback;
    if (typeof value === "number" && value > 0) return value;
    throw new RangeError(`Cannot make a server: ${name} is ${value}, wanted more than 0`);
  };
  return {
    // 16,384 held connections cost some 100 MB; more is a decision for whoever has the memory
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

const PORT_ATTEMPTS = 20;
