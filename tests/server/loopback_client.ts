import { connect, type Socket } from "node:net";
import {
  ATTRIBUTE_CODECS,
  attributeName,
  decodeMessage,
  formatIp,
  formatSocketAddress,
  parseIp,
  parseSocketAddress,
  type SocketAddress,
  socketAddress,
  StunStreamFramer,
} from "../../lib/wire/mod.ts";
import { readMessage } from "../support/binding_request.ts";
import { AUTHORITY } from "../support/certificate.ts";

/** A message that came, in a form that a test can write down whole. */
export interface Heard {
  /** Where it came from. */
  readonly from: string;
  /** Its class, and the code of an error: `success`, `error 420`. */
  readonly kind: string;
  /** The last byte of its transaction id. */
  readonly number: number;
  /** Its attributes by name; addresses as text, bytes in hex. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A UDP socket on loopback. What it waits for in vain fails after fifteen seconds. */
export class UdpClient implements Disposable {
  /** Its own address. */
  readonly address: string;
  readonly #socket: Deno.DatagramConn;
  readonly #timer: ReturnType<typeof setTimeout>;

  /** Binds to a port of the system's choice. */
  constructor(hostname = "127.0.0.1") {
    this.#socket = Deno.listenDatagram({ hostname, port: 0, transport: "udp" });
    this.address = textOf(this.#socket.addr);
    this.#timer = setTimeout(() => this.#socket.close(), PATIENCE_MS);
  }

  /** Its port. */
  get port(): number {
    return addressOf(this.address).port;
  }

  /** Sends a datagram. */
  async send(bytes: Uint8Array, target: SocketAddress): Promise<void> {
    const { ip, port } = target;
    await this.#socket.send(bytes, { transport: "udp", hostname: formatIp(ip), port });
  }

  /** The next datagram. */
  async receive(): Promise<Heard> {
    const [bytes, from] = await this.#socket.receive();
    return read(bytes, textOf(from));
  }

  /** Sends a datagram and waits for the next that comes. */
  async ask(bytes: Uint8Array, target: SocketAddress): Promise<Heard> {
    await this.send(bytes, target);
    return await this.receive();
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    try {
      this.#socket.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

/**
 * A TCP connection from loopback, made so that its local port can be listened on. What it waits for
 * in vain fails after half a minute.
 */
export class TcpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #server: string;
  readonly #framer = new StunStreamFramer();
  readonly #messages: Heard[] = [];
  #ended = false;
  #wake: () => void = () => {};
  readonly #timer: ReturnType<typeof setTimeout>;

  private constructor(socket: Socket, server: SocketAddress) {
    this.#socket = socket;
    this.#server = formatSocketAddress(server);
    this.#timer = setTimeout(() => socket.destroy(), 2 * PATIENCE_MS);
    socket.on("data", (chunk: Uint8Array) => {
      for (const frame of this.#framer.push(chunk).frames) {
        this.#messages.push(read(frame, this.#server));
      }
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Connects. */
  static async connect(target: SocketAddress, localAddress = "127.0.0.1"): Promise<TcpClient> {
    const host = formatIp(target.ip);
    const socket = connect({ host, port: target.port, localAddress, localPort: 0, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new TcpClient(socket, target);
  }

  /** Its own address. */
  get address(): SocketAddress {
    const { localAddress, localPort } = this.#socket;
    const ip = parseIp(localAddress ?? "");
    if (!ip.ok) throw new TypeError(ip.reason);
    return socketAddress(ip.value, localPort!);
  }

  /** Sends bytes; they leave in one piece. */
  send(...bytes: readonly Uint8Array[]): void {
    this.#socket.write(bytes.reduce((all, more) => Uint8Array.of(...all, ...more)));
  }

  /** Sends each byte in a segment of its own, or so the server will see it, mostly. */
  async sendByteByByte(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) {
      await new Promise<void>((resolve) =>
        this.#socket.write(Uint8Array.of(byte), () => resolve())
      );
    }
  }

  /**
   * The next message.
   *
   * @throws {Error} If the connection ends before.
   */
  async receive(): Promise<Heard> {
    while (this.#messages.length === 0) {
      if (this.#ended) throw new Error("Cannot receive a message: the connection has ended");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#messages.shift()!;
  }

  /** Sends a message and waits for the next that comes. */
  async ask(...bytes: readonly Uint8Array[]): Promise<Heard> {
    this.send(...bytes);
    return await this.receive();
  }

  /** Waits until the server has closed the connection; the messages before that. */
  async end(): Promise<readonly Heard[]> {
    while (!this.#ended) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#messages;
  }

  /** Listens on its local port, as one does who wants to be dialled back. */
  listen({ backlog = 16 } = {}): Deno.TcpListener {
    const { ip, port } = this.address;
    return Deno.listen({ hostname: formatIp(ip), port, tcpBacklog: backlog });
  }

  /** Closes it, and waits until it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    await this.end();
  }
}

/** Asks over a TLS connection of its own; the answer, and the address that it was asked from. */
export async function askTls(
  bytes: Uint8Array,
  { port }: SocketAddress,
): Promise<Heard & { readonly askedFrom: string }> {
  const hostname = "127.0.0.1";
  using connection = await Deno.connectTls({ hostname, port, caCerts: [AUTHORITY] });
  await connection.write(bytes);
  const answer = await readMessage(connection);
  const { localAddr, remoteAddr } = connection;
  return { ...read(answer, textOf(remoteAddr)), askedFrom: textOf(localAddr) };
}

/** Waits for what the server does in its own time and tells nobody of; fails after fifteen seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Cannot see ${condition} come true`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What came on a connection until its end, and where it came from. */
export async function readVisit(connection: Deno.TcpConn): Promise<Heard[]> {
  using visitor = connection;
  const framer = new StunStreamFramer();
  const heard: Heard[] = [];
  for await (const chunk of visitor.readable) {
    for (const frame of framer.push(chunk).frames) {
      heard.push(read(frame, textOf(visitor.remoteAddr)));
    }
  }
  return heard;
}

function read(bytes: Uint8Array, from: string): Heard {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  const { transactionId, attributes } = message.value;
  const values = attributes.map(({ type, value }) => {
    const codec = ATTRIBUTE_CODECS.find((one) => one.type === type);
    const decoded = codec?.read(value, transactionId);
    return [attributeName(type), decoded?.ok ? plain(decoded.value) : value.toHex()] as const;
  });
  const code = values.find(([name]) => name === "ERROR-CODE")?.[1] as { code: number } | undefined;
  return {
    from,
    kind: code === undefined ? message.value.class : `error ${code.code}`,
    number: transactionId.at(-1)!,
    attributes: Object.fromEntries(values.filter(([name]) => name !== "ERROR-CODE")),
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex();
  if (typeof value !== "object" || value === null) return value;
  if ("ip" in value) return formatSocketAddress(value as SocketAddress);
  if (Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function addressOf(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

function textOf(address: Deno.Addr): string {
  const { hostname, port } = address as Deno.NetAddr;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

const PATIENCE_MS = 15_000;
