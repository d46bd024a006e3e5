import type { Socket } from "node:net";
import { formatSocketAddress, type SocketAddress } from "../wire/mod.ts";
import { ownSocketAddress } from "./_net_addr.ts";
import { ConnectionError, toConnectionError } from "./connection_error.ts";
import type { ResettableConnection } from "./stream_transport.ts";

/** A {@linkcode ResettableConnection} over a socket of `node:net`. */
export class NodeStreamConnection implements ResettableConnection {
  /** Our end, as the operating system has it. */
  readonly localAddress: SocketAddress;
  /** The peer's end. */
  readonly remoteAddress: SocketAddress;
  readonly #socket: Socket;
  readonly #pending = new Set<(cause: unknown) => void>();
  #wakeReader: (() => void) | undefined;
  /** What the socket said when it broke. */
  #failure: Error | undefined;
  #peerEnded = false;
  /** This side's half of the stream is over, or will be once the writes under way are. */
  #ended = false;
  #closed = false;

  /** Takes over a connected socket made with `allowHalfOpen`, of which nothing has been read. */
  constructor(socket: Socket, remoteAddress: SocketAddress) {
    const { localAddress: hostname = "", localPort: port = 0 } = socket;
    this.#socket = socket;
    this.localAddress = ownSocketAddress({ transport: "tcp", hostname, port });
    this.remoteAddress = remoteAddress;
    socket.on("readable", () => this.#wake());
    socket.on("end", () => {
      this.#peerEnded = true;
      this.#wake();
    });
    socket.on("error", (error: Error) => this.#break(error));
  }

  /** Waits for the next bytes; `undefined` at the peer's FIN or when this side is closed. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      // What came before the connection broke is still to be had
      const bytes = this.#socket.read() as Uint8Array | null;
      if (bytes !== null) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (this.#failure !== undefined) {
        throw toConnectionError(this.#failure, `Cannot read from ${this.#peer()}`);
      }
      if (this.#peerEnded) return undefined;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
  }

  /** Writes all of the bytes, after the writes before. */
  async write(bytes: Uint8Array): Promise<void> {
    const attempt = `Cannot write to ${this.#peer()}`;
    if (this.#ended) throw closedError(attempt);
    await this.#carryOut(attempt, (done) => this.#socket.write(bytes, done));
  }

  /** Sends FIN after the writes before it. */
  async closeWrite(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#carryOut(
        `Cannot end the stream to ${this.#peer()}`,
        (done) => this.#socket.end(done),
      );
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  /** Closes both directions; a pending read ends with `undefined`. */
  close(): void {
    this.#leave(() => this.#socket.destroy());
  }

  /** Closes both directions with RST. */
  reset(): void {
    this.#leave(() => this.#socket.resetAndDestroy());
  }

  #leave(destroy: () => void): void {
    if (this.#closed) return;
    this.#closed = this.#ended = true;
    destroy();
    this.#release(undefined);
  }

  /** Has the socket do something; rejects when the connection ends before it is done. */
  async #carryOut(
    attempt: string,
    begin: (done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    if (this.#failure !== undefined) throw toConnectionError(this.#failure, attempt);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.add(reject);
    begin((error) => {
      // An error is told in an event as well, and there by its true name: here it may be ECANCELED
      if (!error) resolve();
    });
    try {
      await promise;
    } catch (error) {
      throw this.#closed ? closedError(attempt) : toConnectionError(error, attempt);
    } finally {
      this.#pending.delete(reject);
    }
  }

  #break(error: Error): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#failure = error;
    this.#release(error);
  }

  #release(cause: unknown): void {
    for (const reject of this.#pending) reject(cause);
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #peer(): string {
    return formatSocketAddress(this.remoteAddress);
  }
}

function closedError(attempt: string): ConnectionError {
  return new ConnectionError(`${attempt}: the connection is closed`, { code: "closed" });
}
