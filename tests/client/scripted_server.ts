import {
  attribute,
  decodeMessage,
  encodeMessage,
  type MessageInit,
  parseSocketAddress,
  type RawAttribute,
  type SocketAddress,
  type StunMessage,
  type WritableAttribute,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";

/** One request, as a hand-written server sees it. */
export interface Received {
  /** The request. */
  readonly request: StunMessage;
  /** Its sender. */
  readonly from: Deno.NetAddr;
}

/** A UDP server that does what the test tells it, datagram by datagram. */
export class ScriptedUdpServer implements Disposable {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });

  /** Its address as a URI. */
  get uri(): string {
    return `stun:127.0.0.1:${this.port}`;
  }

  /** Its port. */
  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** Waits for a request. */
  async receive(): Promise<Received> {
    const [bytes, from] = await this.#socket.receive();
    const request = decodeMessage(bytes);
    if (!request.ok) throw new TypeError(request.reason);
    return { request: request.value, from: from as Deno.NetAddr };
  }

  /** Sends bytes. */
  async send(bytes: Uint8Array, { from }: Received): Promise<void> {
    await this.#socket.send(bytes, from);
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** A TCP server of which the test holds one connection at a time. */
export class ScriptedTcpServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  /** Its address as a URI. */
  get uri(): string {
    return `stun:127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Waits for a connection. */
  accept(): Promise<Deno.TcpConn> {
    return this.#listener.accept();
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** An answer with these attributes to this request. */
export function answerTo(
  { transactionId }: Pick<StunMessage, "transactionId">,
  attributes: readonly (RawAttribute | WritableAttribute)[],
  message: Partial<MessageInit> = {},
): Uint8Array {
  return encodeMessage({ class: "success", method: 1, transactionId, ...message, attributes });
}

/** An answer with XOR-MAPPED-ADDRESS alone. */
export function answerWith(
  address: string,
  request: Pick<StunMessage, "transactionId">,
): Uint8Array {
  return answerTo(request, [attribute(XOR_MAPPED_ADDRESS, socketAddressOf(address))]);
}

/** Reads `192.0.2.1:3478`. */
export function socketAddressOf(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
