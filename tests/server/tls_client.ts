import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  formatIp,
  formatSocketAddress,
  type SocketAddress,
  socketAddress,
  StunStreamFramer,
} from "../../lib/wire/mod.ts";
import { describe } from "../protocol/binding_cases.ts";
import { AUTHORITY } from "../support/certificate.ts";

/** How a {@linkcode TlsClient} shakes hands. */
export interface TlsClientOptions {
  /** The application protocols to offer. @default {[]} */
  readonly alpn?: readonly string[];
}

/** Name and value of each attribute of an answer. */
export type Attributes = NonNullable<ReturnType<typeof describe>>["attributes"];

/**
 * A TLS connection from 127.0.0.1 to a server with a certificate of {@linkcode AUTHORITY} for
 * `localhost`, made so that its local port can be listened on. What it waits for in vain fails after
 * ten seconds.
 */
export class TlsClient implements AsyncDisposable {
  /** Its own address. */
  readonly address: SocketAddress;
  readonly #raw: Socket;
  readonly #tls: TLSSocket;
  readonly #framer = new StunStreamFramer();
  readonly #messages: Uint8Array[] = [];
  readonly #timer: ReturnType<typeof setTimeout>;
  #ended = false;
  #closed = false;
  #wake: () => void = () => {};

  private constructor(raw: Socket, tls: TLSSocket) {
    this.address = socketAddress(LOOPBACK, raw.localPort!);
    this.#raw = raw;
    this.#tls = tls;
    this.#timer = setTimeout(() => raw.destroy(), PATIENCE_MS);
    tls.on("data", (chunk: Uint8Array) => {
      this.#messages.push(...this.#framer.push(chunk).frames);
      this.#wake();
    });
    tls.on("error", () => {});
    tls.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    tls.on("close", () => {
      this.#ended = this.#closed = true;
      this.#wake();
    });
  }

  /**
   * Connects and shakes hands.
   *
   * @throws {Error} If that fails.
   */
  static async connect(
    { ip, port }: SocketAddress,
    { alpn = [] }: TlsClientOptions = {},
  ): Promise<TlsClient> {
    const raw = connectTcp({
      ...{ host: formatIp(ip), port, localAddress: "127.0.0.1", localPort: 0 },
      ...{ noDelay: true, allowHalfOpen: true },
    });
    await event(raw, "connect");
    const tls = connectTls({
      ...{ socket: raw, ca: [AUTHORITY], servername: "localhost" },
      ...alpn.length > 0 && { ALPNProtocols: [...alpn] },
    });
    try {
      await event(tls, "secureConnect");
    } catch (error) {
      raw.destroy();
      throw error;
    }
    return new TlsClient(raw, tls);
  }

  /** What a plain question is answered: its own address. */
  get mapped(): Attributes {
    return [["XOR-MAPPED-ADDRESS", formatSocketAddress(this.address)]];
  }

  /** The common name in the server's certificate. */
  get peerName(): string {
    return `${this.#tls.getPeerCertificate().subject.CN}`;
  }

  /** The application protocol that the server has chosen; false for none. */
  get alpn(): string | false | null {
    return this.#tls.alpnProtocol;
  }

  /** Sends bytes; they leave in one piece. */
  send(...bytes: readonly Uint8Array[]): void {
    this.#tls.write(bytes.reduce((all, more) => Uint8Array.of(...all, ...more)));
  }

  /** Sends each byte in a TLS record of its own. */
  async sendByteByByte(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      await new Promise<void>((resolve) => this.#tls.write(Uint8Array.of(byte), () => resolve()));
    }
  }

  /** Says that nothing more will be sent. */
  closeWrite(): void {
    this.#tls.end();
  }

  /**
   * The attributes of the next message.
   *
   * @throws {Error} If the connection ends before.
   */
  async receive(): Promise<Attributes> {
    while (this.#messages.length === 0) {
      if (this.#ended) throw new Error("Cannot receive a message: the connection has ended");
      await this.#change();
    }
    const bytes = this.#messages.shift()!;
    return describe({ bytes, destination: this.address, via: "primary" })!.attributes;
  }

  /** Sends a message and waits for the next that comes. */
  async ask(...bytes: readonly Uint8Array[]): Promise<Attributes> {
    this.send(...bytes);
    return await this.receive();
  }

  /** Waits until the server has ended the connection; how many messages came before that. */
  async end(): Promise<number> {
    while (!this.#ended) await this.#change();
    return this.#messages.length;
  }

  /** Listens on its local port, as one does who wants to be dialled back. */
  listen(): Deno.TcpListener {
    const { ip, port } = this.address;
    return Deno.listen({ hostname: formatIp(ip), port });
  }

  /** Closes it, and waits until it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#tls.destroy();
    this.#raw.destroy();
    while (!this.#closed) await this.#change();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#wake = resolve);
  }
}

/** Connects without TLS. */
export async function connect({ ip, port }: SocketAddress): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: formatIp(ip), port });
}

/** What comes until the server has ended the connection, in hex, and how it did so. */
export async function readToEnd(connection: Deno.TcpConn): Promise<[string, "fin" | "reset"]> {
  const timeout = setTimeout(() => connection.close(), 5000);
  const buffer = new Uint8Array(4096);
  let text = "";
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return [text, "fin"];
      text += buffer.subarray(0, count).toHex();
    }
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return [text, "reset"];
    throw error;
  } finally {
    clearTimeout(timeout);
  }
}

function event(socket: Socket, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => socket.destroy(new Error("timed out")), PATIENCE_MS);
  const done = () => {
    clearTimeout(timer);
    for (const one of ["error", "close"]) socket.off(one, fail);
    socket.off(name, succeed);
  };
  const succeed = () => {
    done();
    resolve();
  };
  const fail = (error: unknown) => {
    done();
    // What follows the failure has nobody to tell
    socket.on("error", () => {});
    reject(error instanceof Error ? error : new Error(`Cannot see "${name}": it was closed`));
  };
  for (const one of ["error", "close"]) socket.once(one, fail);
  socket.once(name, succeed);
  return promise;
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const PATIENCE_MS = 10_000;
