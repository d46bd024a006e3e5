import type { Clock } from "../ops/mod.ts";
import { type TransactionOutcome, TransactionPair } from "../protocol/client/mod.ts";
import { STUN_ALPN, type TransportProtocol } from "../protocol/mod.ts";
import {
  connectTcp,
  connectTls,
  type DatagramTransport,
  openDenoDatagram,
  type StreamConnection,
} from "../transport/mod.ts";
import {
  formatSocketAddress,
  type SocketAddress,
  type StunMessage,
  StunStreamFramer,
} from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";
import { TransactionRun } from "./transaction_run.ts";

/** With whom, and for how long. */
export interface ExchangeOptions {
  /** The server's address. */
  readonly server: SocketAddress;
  /** TLS: the name that the server's certificate has to be for. */
  readonly hostname: string;
  /** TLS: authorities to trust beside those that Deno trusts anyway, in PEM. */
  readonly caCerts: readonly string[] | undefined;
  /** ms after which to give up, connecting and all requests included. */
  readonly timeoutMs: number;
  /** UDP: ms until the first retransmission. */
  readonly rtoMs: number | undefined;
  /** Gives it up at once. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
}

/** One request. */
export interface Question {
  /** The request, encoded under two transaction ids. */
  readonly requests: readonly [first: Uint8Array, second: Uint8Array];
  /** Whether an answer can be believed. */
  readonly accepts: (response: StunMessage) => boolean;
}

/**
 * Requests to one server, one after the other, from one address and port: a nonce may be good for
 * nothing else (RFC 8489 section 9.2.4).
 */
export class Exchange implements Disposable {
  /** The client's own end; over UDP the IP address is all zeros. */
  readonly localAddress: SocketAddress;
  readonly #options: ExchangeOptions;
  readonly #wire: Wire;
  readonly #deadline: number;
  #rtoMs: number | undefined;
  #run: TransactionRun | undefined;
  #failure: unknown;

  private constructor(options: ExchangeOptions, { wire, begun }: Opened) {
    this.#options = options;
    this.#wire = wire;
    this.#deadline = begun + options.timeoutMs;
    this.#rtoMs = options.rtoMs;
    this.localAddress = wire.localAddress;
    wire.receive((bytes, source) => this.#run?.receive(bytes, source))
      .catch((error) => this.#fail(error));
  }

  /**
   * Begins: over UDP from a fresh port, over TCP and TLS on a connection of its own.
   *
   * @throws {ConnectionError} If there is no connection in time (as a rejection).
   */
  static async open(transport: TransportProtocol, options: ExchangeOptions): Promise<Exchange> {
    const begun = options.clock.now();
    const { server, hostname, caCerts = [] } = options;
    if (transport === "udp") {
      const socket = openDenoDatagram({ ip: new Uint8Array(server.ip.length), port: 0 });
      return new Exchange(options, { wire: datagramWire(socket, server), begun });
    }
    const connection = await inTime(
      options,
      (signal) =>
        transport === "tcp"
          ? connectTcp(server, { signal })
          : connectTls(server, { hostname, caCerts, alpn: STUN_ALPN, signal }),
    );
    return new Exchange(options, { wire: streamWire(connection), begun });
  }

  /**
   * Asks, and waits for the answer or the end of the time.
   *
   * @throws {QueryError} If the connection breaks (as a rejection).
   */
  async ask(question: Question): Promise<TransactionOutcome> {
    const { server, signal, clock } = this.#options;
    const rtoMs = this.#rtoMs;
    if (this.#failure !== undefined) throw this.#failure;
    const timeoutMs = Math.max(1, this.#deadline - clock.now());
    const { reliable } = this.#wire;
    const run = new TransactionRun({
      transaction: new TransactionPair({ ...question, server, rtoMs, timeoutMs, reliable }),
      send: (bytes) => void this.#wire.send(bytes).catch((error) => this.#fail(error)),
      signal,
      clock,
    });
    this.#run = run;
    const outcome = await run.outcome;
    this.#learn(outcome);
    return outcome;
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#wire.close();
  }

  /** RFC 6298 section 2.2, with the RTO that was asked for as the least; RFC 8489 section 6.2.1. */
  #learn(outcome: TransactionOutcome): void {
    if (outcome.kind !== "answered" || outcome.attempts > 1) return;
    const { rtoMs = 500 } = this.#options;
    this.#rtoMs = Math.max(rtoMs, 3 * outcome.rttMs);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#run?.fail(error);
  }
}

/** A socket or a connection, as far as one exchange cares. */
interface Wire {
  readonly localAddress: SocketAddress;
  readonly reliable: boolean;
  send(bytes: Uint8Array): Promise<unknown>;
  /** Hands over all that comes, until the wire is closed; rejects if no more can come. */
  receive(take: (bytes: Uint8Array, source: SocketAddress) => void): Promise<void>;
  close(): void;
}

interface Opened {
  readonly wire: Wire;
  /** When the exchange began, connecting included. */
  readonly begun: number;
}

function datagramWire(socket: DatagramTransport, server: SocketAddress): Wire {
  let failuresInARow = 0;
  return {
    localAddress: socket.localAddress,
    reliable: false,
    async send(bytes): Promise<void> {
      const { sendFailures } = socket;
      await socket.send([{ bytes, peer: server }]);
      failuresInARow = socket.sendFailures > sendFailures ? failuresInARow + 1 : 0;
      if (failuresInARow < HOPELESS_SENDS) return;
      const message = `Cannot query ${formatSocketAddress(server)} over UDP: this host cannot ` +
        "send to it";
      throw new QueryError(message, { code: "unreachable" });
    },
    async receive(take): Promise<void> {
      for (;;) {
        const batch = await socket.receive();
        if (batch.length === 0) return;
        for (const { bytes, peer } of batch) take(bytes, peer);
      }
    },
    close: () => socket.close(),
  };
}

function streamWire(connection: StreamConnection): Wire {
  const server = connection.remoteAddress;
  return {
    localAddress: connection.localAddress,
    reliable: true,
    send: (bytes) => connection.write(bytes),
    async receive(take): Promise<void> {
      const framer = new StunStreamFramer();
      const who = formatSocketAddress(server);
      for (;;) {
        const chunk = await connection.read();
        if (chunk === undefined) {
          throw new QueryError(
            `Cannot query ${who}: the server closed the connection without an answer`,
            { code: "closed" },
          );
        }
        const { frames, failure } = framer.push(chunk);
        for (const frame of frames) take(frame, server);
        if (failure !== undefined) {
          const message = `Cannot read the answer of ${who}: ${failure.reason}`;
          throw new QueryError(message, { code: "bad-response" });
        }
      }
    },
    close: () => connection.close(),
  };
}

/**
 * Gives an attempt so long and no longer: its signal aborts with the caller's, or with a reason
 * called `TimeoutError`.
 */
export async function inTime<T>(
  options: Pick<ExchangeOptions, "timeoutMs" | "signal" | "clock">,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs, signal, clock } = options;
  const giveUp = new AbortController();
  const abort = () => giveUp.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const cancel = clock.setTimer(timeoutMs, () => {
    giveUp.abort(new DOMException("It took too long", "TimeoutError"));
  });
  try {
    return await attempt(giveUp.signal);
  } finally {
    cancel();
    signal?.removeEventListener("abort", abort);
  }
}

/** Once may be a full buffer; no route, or a firewall's veto, is there after half a second too. */
const HOPELESS_SENDS = 2;
