import type { SocketAddress } from "../wire/mod.ts";
import { PortAttempts } from "./_port_attempts.ts";
import type { TcpAttempt } from "./_tcp_attempt.ts";
import {
  type OpenSharedTcpPortOptions,
  SHARED_PORT_READ_BYTES,
  type SharedTcpPort,
  type SharedTcpPortConnectOptions,
} from "./shared_tcp_port.ts";
import type { ResettableConnection, StreamConnection, StreamListener } from "./stream_transport.ts";
import { openTcpListener } from "./tcp.ts";
import { beginTcpAttempt } from "./tcp_port.ts";

/** The part of `node:net` that connects. */
export type NodeNet = Pick<typeof import("node:net"), "connect">;

/** What {@linkcode openTurnsTcpPort} takes. */
export interface OpenTurnsTcpPortOptions
  extends Pick<OpenSharedTcpPortOptions, "ip" | "port" | "onGap"> {
  /** What connects. @default node:net */
  readonly net?: NodeNet | undefined;
}

/**
 * Opens a port on which nobody listens while a connection is begun. Nothing holds the port as long as
 * it is neither listened on nor connected.
 *
 * @throws {ListenError} If the port cannot be had (as a rejection).
 * @throws {RangeError} If `ip` is not 4 or 16 bytes or `port` is not an integer of 0 to 65535 (as a
 * rejection).
 */
export async function openTurnsTcpPort(
  { ip, port, onGap, net }: OpenTurnsTcpPortOptions,
): Promise<SharedTcpPort> {
  const listener = openTcpListener({ ip, port, backlog: 1 }, "tcp");
  listener.close();
  return new TurnsTcpPort(listener.localAddress, { net: net ?? await import("node:net"), onGap });
}

class TurnsTcpPort implements SharedTcpPort {
  readonly localAddress: SocketAddress;
  readonly sharing = "turns";
  readonly #net: NodeNet;
  readonly #onGap: ((ms: number) => void) | undefined;
  readonly #attempts: PortAttempts;
  /** Whether the port is to be listened on; in a gap there is no listener all the same. */
  #isListening = false;
  #listener: StreamListener | undefined;
  /** The accept that is under way; whether a connection came of it. */
  #accepting: Promise<boolean> | undefined;
  /** What `accept()` is to give out or to throw. */
  readonly #arrived: (StreamConnection | Error)[] = [];
  #wakeAccept: (() => void) | undefined;
  /** The attempts that wait for the next gap. */
  readonly #toBegin: (() => void)[] = [];
  #isTurning = false;
  #isClosed = false;

  constructor(
    localAddress: SocketAddress,
    { net, onGap }: { readonly net: NodeNet } & Pick<OpenSharedTcpPortOptions, "onGap">,
  ) {
    this.localAddress = localAddress;
    this.#net = net;
    this.#onGap = onGap;
    this.#attempts = new PortAttempts(localAddress);
  }

  connect(
    peer: SocketAddress,
    options: SharedTcpPortConnectOptions = {},
  ): Promise<ResettableConnection> {
    return this.#attempts.make(peer, options, (attempt) => this.#dial(attempt));
  }

  listen(): void {
    if (this.#isListening || this.#isClosed) return;
    this.#openListener();
    this.#isListening = true;
    this.#wake();
  }

  async accept(): Promise<StreamConnection | undefined> {
    for (;;) {
      const next = this.#arrived.shift();
      if (next instanceof Error) throw next;
      if (next !== undefined) return next;
      if (this.#isClosed) {
        // Only then is its socket closed, and somebody else can listen
        await this.#accepting;
        return undefined;
      }
      if (this.#listener !== undefined) void this.#acceptOne(this.#listener);
      await new Promise<void>((resolve) => this.#wakeAccept = resolve);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener?.close();
    for (const one of this.#arrived.splice(0)) if (!(one instanceof Error)) one.close();
    this.#attempts.end();
    this.#wake();
  }

  async #dial(attempt: TcpAttempt): Promise<ResettableConnection> {
    const begin = () => beginTcpAttempt(attempt, this.#net);
    if (this.#isListening) return await this.#inGap(begin);
    try {
      return await begin();
    } catch (error) {
      // listen() was called before the socket was bound, which takes a moment
      const isInUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!isInUse || !this.#isListening) throw error;
      return await this.#inGap(begin);
    }
  }

  #inGap(begin: () => Promise<ResettableConnection>): Promise<ResettableConnection> {
    const { promise, resolve } = Promise.withResolvers<ResettableConnection>();
    this.#toBegin.push(() => resolve(begin()));
    if (!this.#isTurning) void this.#takeTurns();
    return promise;
  }

  async #takeTurns(): Promise<void> {
    this.#isTurning = true;
    while (this.#toBegin.length > 0) {
      if (this.#listener !== undefined) await this.#drain(this.#listener);
      const since = performance.now();
      await this.#stopListening();
      for (const begin of this.#toBegin.splice(0)) begin();
      // A bound socket keeps nobody from listening, whether it is connected yet or not
      await new Promise<void>((resolve) => globalThis.process.nextTick(resolve));
      if (this.#isListening && this.#listener === undefined) this.#listenAgain(since);
    }
    this.#isTurning = false;
  }

  /** Takes in the connections that wait to be accepted: with the listener they would be reset. */
  async #drain(listener: StreamListener): Promise<void> {
    // Visitors without end must not keep the attempts waiting
    let room = MAX_ARRIVED - this.#arrived.length;
    for (let came = true; came && room > 0; room--) {
      const quiet = Promise.withResolvers<false>();
      // Deno looks for what its sockets have when it is idle, and gives it to us a turn later
      const timer = setTimeout(() => setImmediate(() => quiet.resolve(false)), 1);
      came = await Promise.race([this.#acceptOne(listener), quiet.promise]);
      clearTimeout(timer);
    }
  }

  /** Closes the listener; its socket is closed only when no accept is under way any more. */
  async #stopListening(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    await this.#accepting;
  }

  #openListener(): void {
    const options = { ...this.localAddress, maxReadBytes: SHARED_PORT_READ_BYTES };
    this.#listener = openTcpListener(options, "tcp");
  }

  #listenAgain(since: number): void {
    if (this.#isClosed) return;
    try {
      this.#openListener();
      const ms = performance.now() - since;
      // Whatever it throws is not this port's concern
      queueMicrotask(() => this.#onGap?.(ms));
    } catch (error) {
      this.#isListening = false;
      this.#arrived.push(error as Error);
    }
    this.#wake();
  }

  #acceptOne(listener: StreamListener): Promise<boolean> {
    return this.#accepting ??= listener.accept().then(
      (connection) => {
        if (connection !== undefined) this.#arrived.push(connection);
        return connection !== undefined;
      },
      (error: Error) => {
        this.#arrived.push(error);
        return false;
      },
    ).finally(() => {
      this.#accepting = undefined;
      this.#wake();
    });
  }

  #wake(): void {
    this.#wakeAccept?.();
    this.#wakeAccept = undefined;
  }
}

/** As many as may wait with the operating system, so that one gap loses none of them. */
const MAX_ARRIVED = 4096;
