import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { formatSocketAddress, type SocketAddress } from "../wire/mod.ts";
import { nodeModule } from "./_node_module.ts";
import { ConnectionError, type ConnectionErrorCode } from "./connection_error.ts";
import type { StreamConnection } from "./stream_transport.ts";

/** What a {@linkcode TlsServerConnection} shakes hands with. */
export interface TlsServerConnectionOptions {
  /** Certificate and key. */
  readonly context: SecureContext;
  /** The application protocols on offer, each behind its length (RFC 7301 section 3.1). */
  readonly alpn: Uint8Array | undefined;
  /** How long the client may take for the handshake, in ms. */
  readonly handshakeTimeoutMs: number;
}

/**
 * The server's end of TLS, on top of a connection that was just accepted. The handshake runs by
 * itself from the start; until it is over reads and writes wait, and if it fails they reject.
 *
 * This is `node:tls` on top of our own TCP connection. `Deno.listenTls` takes a third of the memory,
 * but nothing can end a connection of its before the handshake: `close()` leaves the descriptor
 * open for as long as the client is silent, for ever if the client has vanished, because TCP
 * keep-alive cannot be turned on there either. And a `node:net` server never accepts again, without
 * a word, once descriptors have run out.
 */
export class TlsServerConnection implements StreamConnection {
  /** Our end, as the operating system has it. */
  readonly localAddress: SocketAddress;
  /** The peer's end. */
  readonly remoteAddress: SocketAddress;
  readonly #raw: StreamConnection;
  readonly #tls: TLSSocket;
  readonly #handshake = Promise.withResolvers<void>();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #pending = new Set<(error: ConnectionError) => void>();
  #lastRawWrite: Promise<void> | undefined;
  #wakeReader: (() => void) | undefined;
  #failure: ConnectionError | undefined;
  #secure = false;
  #silent = true;
  #peerEnded = false;
  #ended = false;
  #closed = false;

  /** Takes over a connection of which nothing has been read. */
  constructor(raw: StreamConnection, options: TlsServerConnectionOptions) {
    const { context, alpn, handshakeTimeoutMs } = options;
    this.#raw = raw;
    this.localAddress = raw.localAddress;
    this.remoteAddress = raw.remoteAddress;
    // When it fails, nobody need be reading or writing
    this.#handshake.promise.catch(() => {});
    this.#timer = setTimeout(() => {
      this.#fail("timed-out", `no TLS handshake within ${handshakeTimeoutMs} ms`);
    }, handshakeTimeoutMs);
    const { TLSSocket } = nodeModule("node:tls");
    this.#tls = new TLSSocket(this.#carrier(), {
      isServer: true,
      secureContext: context,
      ...(alpn && { ALPNProtocols: alpn }),
    });
    this.#tls.on("secure", () => this.#begin());
    this.#tls.on("readable", () => this.#wake());
    this.#tls.on("end", () => {
      this.#peerEnded = true;
      this.#wake();
    });
    this.#tls.on("error", (error: Error) => this.#break(error));
  }

  /** Waits for the next bytes; `undefined` at the peer's end or when this side is closed. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      if (this.#failure !== undefined) throw this.#failure;
      const bytes = this.#secure ? this.#tls.read() as Uint8Array | null : null;
      if (bytes !== null) return bytes;
      if (this.#peerEnded) return undefined;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
  }

  /** Writes all of the bytes, after the writes before. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw this.#closedError();
    await this.#carryOut((done) => this.#tls.write(bytes, done));
  }

  /** Sends close_notify (RFC 8446 section 6.1) and FIN after the writes before them. */
  async closeWrite(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#carryOut((done) => this.#tls.end(done));
      await this.#lastRawWrite;
      await this.#raw.closeWrite();
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  /** Closes both directions at once; a pending read ends with `undefined`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = this.#ended = true;
    this.#release(this.#closedError());
    this.#raw.close();
  }

  /** Has node:tls do something; rejects when the connection ends before it is done. */
  async #carryOut(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (!this.#secure) await this.#handshake.promise;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw this.#closedError();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.add(reject);
    begin((error) => error ? this.#break(error) : resolve());
    try {
      await promise;
    } finally {
      this.#pending.delete(reject);
    }
  }

  /** What node:tls reads ciphertext from and writes it to. It cannot close the connection. */
  #carrier(): Duplex {
    const { Duplex } = nodeModule("node:stream");
    const carrier: Duplex = new Duplex({
      allowHalfOpen: true,
      read: () => {
        this.#raw.read().then((bytes) => {
          if (bytes === undefined && !this.#secure) {
            this.#fail("reset", "the peer cut the connection before the TLS handshake was over");
          }
          // The bytes are a view on a buffer that the next read fills again
          carrier.push(bytes === undefined ? null : bytes.slice());
        }, (error) => this.#break(error));
      },
      write: (bytes: Uint8Array, _encoding, done) => {
        this.#silent = false;
        this.#lastRawWrite = this.#raw.write(bytes);
        this.#lastRawWrite.then(() => done(), (error) => this.#break(error));
      },
    });
    return carrier;
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#secure = true;
    this.#handshake.resolve();
    this.#wake();
  }

  #break(error: Error & { readonly code?: unknown }): void {
    if (this.#failure !== undefined || this.#closed) return;
    if (error instanceof ConnectionError) return this.#failWith(error);
    if (this.#secure) return this.#fail("other", `the TLS connection broke: ${error.message}`);
    if (this.#silent) {
      // On top of a stream, Deno drops the alert; the client would not know what was wrong
      const alert = ALERTS[`${error.code}`] ?? HANDSHAKE_FAILURE;
      this.#lastRawWrite = this.#raw.write(Uint8Array.of(21, 3, 3, 0, 2, FATAL, alert));
    }
    this.#fail("other", `the TLS handshake failed: ${error.message}`);
  }

  #fail(code: ConnectionErrorCode, reason: string): void {
    const peer = formatSocketAddress(this.remoteAddress);
    this.#failWith(new ConnectionError(`Cannot serve tls ${peer}: ${reason}`, { code }));
  }

  #failWith(error: ConnectionError): void {
    if (this.#failure !== undefined || this.#closed) return;
    this.#failure = error;
    this.#release(error);
    const close = () => this.#raw.close();
    if (this.#silent || this.#secure) close();
    else this.#lastRawWrite!.then(close, close);
  }

  #release(error: ConnectionError): void {
    clearTimeout(this.#timer);
    this.#handshake.reject(error);
    for (const reject of this.#pending) reject(error);
    this.#tls.destroy();
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #closedError(): ConnectionError {
    return new ConnectionError(
      `Cannot write to ${formatSocketAddress(this.remoteAddress)}: the connection is closed`,
      { code: "closed" },
    );
  }
}

const FATAL = 2;
const HANDSHAKE_FAILURE = 40;

/** Alerts (RFC 8446 section 6.2, RFC 7301 section 3.2) for what node:tls calls the failures. */
const ALERTS: Readonly<Record<string, number>> = {
  ERR_SSL_NO_APPLICATION_PROTOCOL: 120,
  ERR_SSL_WRONG_VERSION_NUMBER: 50,
};
