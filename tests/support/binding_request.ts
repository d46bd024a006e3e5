// Binding requests made by hand, without lib/wire, so that what tests the server does not share
// the server's mistakes.

/** Where to send: a numeric host and a port. */
export interface Target {
  /** A numeric address. */
  readonly hostname: string;
  /** A port. */
  readonly port: number;
}

/**
 * A Binding request of 20 bytes (RFC 8489 section 5): header alone, with this transaction id or one
 * that no other request has.
 */
export function bindingRequest(transactionId: Uint8Array = freshId()): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(20);
  request.set([0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42]);
  request.set(transactionId, 8);
  return request;
}

/**
 * Sends a request over UDP, again every 500 ms, until its answer comes.
 *
 * @returns The answer and the port that the request came from.
 * @throws {Error} If there is none within `timeoutMs` (default 5 s).
 */
export async function askUdp(
  { hostname, port }: Target,
  { request = bindingRequest(), timeoutMs = 5_000 }: AskOptions = {},
): Promise<Answer> {
  const any = hostname.includes(":") ? "::1" : "127.0.0.1";
  const socket = Deno.listenDatagram({ hostname: any, port: 0, transport: "udp" });
  const send = () =>
    void socket.send(request, { transport: "udp", hostname, port }).catch(() => {});
  const resend = setInterval(send, 500);
  const timeout = setTimeout(() => socket.close(), timeoutMs);
  try {
    send();
    for await (const [bytes] of socket) {
      if (isAnswerTo(request, bytes)) return { bytes, localPort: portOf(socket.addr) };
    }
    throw new Error(`Cannot ask ${hostname}:${port} over UDP: no answer in ${timeoutMs} ms`);
  } finally {
    clearInterval(resend);
    clearTimeout(timeout);
    closeQuietly(socket);
  }
}

/**
 * Sends a request over a TCP connection of its own and reads one answer.
 *
 * @returns The answer and the port that the request came from.
 * @throws {Error} If there is none within `timeoutMs` (default 5 s).
 */
export async function askTcp(
  { hostname, port }: Target,
  { request = bindingRequest(), timeoutMs = 5_000 }: AskOptions = {},
): Promise<Answer> {
  const connection = await Deno.connect({ hostname, port });
  const timeout = setTimeout(() => connection.close(), timeoutMs);
  try {
    await connection.write(request);
    const bytes = await readMessage(connection);
    if (!isAnswerTo(request, bytes)) {
      throw new Error(`Cannot ask ${hostname}:${port} over TCP: the answer is another's`);
    }
    return { bytes, localPort: portOf(connection.localAddr) };
  } finally {
    clearTimeout(timeout);
    closeQuietly(connection);
  }
}

/**
 * Reads one whole STUN message from a stream.
 *
 * @throws {Error} If the stream ends before.
 */
export async function readMessage(connection: Deno.Conn): Promise<Uint8Array<ArrayBuffer>> {
  const message = new Uint8Array(65_555);
  let wanted = 20;
  for (let filled = 0; filled < wanted;) {
    const count = await connection.read(message.subarray(filled, wanted));
    if (count === null) {
      throw new Error(`Cannot read a message: the stream ended after ${filled} bytes`);
    }
    filled += count;
    if (filled === 20) wanted = 20 + (message[2]! << 8 | message[3]!);
  }
  return message.slice(0, wanted);
}

/** How {@linkcode askUdp} and {@linkcode askTcp} ask. */
export interface AskOptions {
  /** @default a fresh {@linkcode bindingRequest} */
  readonly request?: Uint8Array<ArrayBuffer>;
  /** @default 5_000 */
  readonly timeoutMs?: number;
}

/** An answer, and what the one who asked knows of itself. */
export interface Answer {
  /** The whole message. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The port that the request was sent from. */
  readonly localPort: number;
}

// A response of either kind (RFC 8489 section 5: class bits 0x0110) with the same cookie and id.
function isAnswerTo(request: Uint8Array, bytes: Uint8Array): boolean {
  return bytes.length >= 20 && (bytes[0]! & 0x01) === 1 &&
    request.subarray(4, 20).every((byte, index) => byte === bytes[4 + index]);
}

function freshId(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(12));
}

function portOf(address: Deno.Addr): number {
  return (address as Deno.NetAddr).port;
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
