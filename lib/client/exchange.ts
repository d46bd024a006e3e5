import type { Clock } from "../ops/mod.ts";
import { ClientTransaction, type TransactionOutcome } from "../protocol/mod.ts";
import {
  connectTcp,
  type DatagramTransport,
  openDenoDatagram,
  type StreamConnection,
} from "../transport/mod.ts";
import { formatSocketAddress, type SocketAddress, StunStreamFramer } from "../wire/mod.ts";
import { QueryError } from "./query_error.ts";
import { TransactionRun } from "./transaction_run.ts";

/** One request to one server. */
export interface Exchange {
  /** The server's address. */
  readonly server: SocketAddress;
  /** The encoded request. */
  readonly request: Uint8Array;
  /** ms after which to give up, connecting included. */
  readonly timeoutMs: number;
  /** UDP: ms until the first retransmission. */
  readonly rtoMs: number | undefined;
  /** Gives it up at once. */
  readonly signal: AbortSignal | undefined;
  /** Tells the time. */
  readonly clock: Clock;
}

/** How an exchange went. */
export interface ExchangeResult {
  /** How the transaction ended. */
  readonly outcome: TransactionOutcome;
  /** The client's own end; on UDP the IP address is all zeros. */
  readonly local: SocketAddress;
}

/** Asks over UDP, from a fresh port. */
export async function exchangeUdp(exchange: Exchange): Promise<ExchangeResult> {
  const { server } = exchange;
  const socket = openDenoDatagram({ ip: new Uint8Array(server.ip.length), port: 0 });
  try {
    const run = new TransactionRun({
      ...exchange,
      transaction: new ClientTransaction({ ...exchange, reliable: false }),
      send: (bytes) => void socket.send([{ bytes, peer: server }]),
    });
    void receiveDatagrams(socket, run);
    return { outcome: await run.outcome, local: socket.localAddress };
  } finally {
    socket.close();
  }
}

/** Asks over TCP, on a connection of its own. */
export async function exchangeTcp(exchange: Exchange): Promise<ExchangeResult> {
  const { clock, timeoutMs } = exchange;
  const begun = clock.now();
  const connection = await connectInTime(exchange);
  try {
    const left = Math.max(1, timeoutMs - (clock.now() - begun));
    const run = new TransactionRun({
      ...exchange,
      transaction: new ClientTransaction({ ...exchange, reliable: true, timeoutMs: left }),
      send: (bytes) => {
        connection.write(bytes).catch((error) => run.fail(error));
      },
    });
    receiveStream(connection, run).catch((error) => run.fail(error));
    return { outcome: await run.outcome, local: connection.localAddress };
  } finally {
    connection.close();
  }
}

async function receiveDatagrams(socket: DatagramTransport, run: TransactionRun): Promise<void> {
  for (;;) {
    const batch = await socket.receive();
    if (batch.length === 0) return;
    for (const { bytes, peer } of batch) run.receive(bytes, peer);
  }
}

async function receiveStream(connection: StreamConnection, run: TransactionRun): Promise<void> {
  const framer = new StunStreamFramer();
  const server = connection.remoteAddress;
  for (;;) {
    const chunk = await connection.read();
    if (chunk === undefined) break;
    const { frames, failure } = framer.push(chunk);
    for (const frame of frames) run.receive(frame, server);
    if (failure !== undefined) {
      const message = `Cannot read the answer of ${formatSocketAddress(server)}: ${failure.reason}`;
      return run.fail(new QueryError(message, { code: "bad-response" }));
    }
  }
  run.fail(
    new QueryError(
      `Cannot query ${
        formatSocketAddress(server)
      }: the server closed the connection without an answer`,
      { code: "closed" },
    ),
  );
}

async function connectInTime(exchange: Exchange): Promise<StreamConnection> {
  const { server, timeoutMs, signal, clock } = exchange;
  const giveUp = new AbortController();
  const abort = () => giveUp.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const cancel = clock.setTimer(timeoutMs, () => {
    giveUp.abort(new DOMException("Connecting took too long", "TimeoutError"));
  });
  try {
    return await connectTcp(server, { signal: giveUp.signal });
  } finally {
    cancel();
    signal?.removeEventListener("abort", abort);
  }
}
