import type { SocketAddress } from "../../../lib/wire/mod.ts";
import { formatIp } from "../../../lib/wire/mod.ts";

/** What a frame is to be. */
export interface ClientFrameOptions {
  /** Whether it ends its message. @default {true} */
  readonly final?: boolean;
}

/** A masked frame, as a client sends it (RFC 6455 section 5.2). */
export function clientFrame(
  opcode: number,
  content: string | Uint8Array,
  { final = true }: ClientFrameOptions = {},
): Uint8Array<ArrayBuffer> {
  const payload = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const size = payload.length;
  const length = size < 126
    ? [size]
    : size < 65_536
    ? [126, size >> 8, size & 255]
    : [127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
  const mask = [0x12, 0x34, 0x56, 0x78];
  return Uint8Array.from([
    (final ? 0x80 : 0) | opcode,
    length[0]! | 0x80,
    ...length.slice(1),
    ...mask,
    ...payload.map((byte, i) => byte ^ mask[i & 3]!),
  ]);
}

/** The request for a WebSocket, as text. */
export function upgradeRequest(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    host: "board.example",
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "echo",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** A WebSocket of which the test sends every byte and reads what it likes. */
export class RawWebSocket implements Disposable {
  /** The connection. */
  readonly connection: Deno.TcpConn;
  /** What the server answered to the request, up to the empty line. */
  readonly answer: string;

  private constructor(connection: Deno.TcpConn, answer: string) {
    this.connection = connection;
    this.answer = answer;
  }

  /** Connects, asks for a WebSocket and reads the head of the answer. */
  static async open(
    { ip, port }: SocketAddress,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawWebSocket> {
    const connection = await Deno.connect({ hostname: formatIp(ip), port });
    await connection.write(new TextEncoder().encode(upgradeRequest(path, headers)));
    let answer = "";
    const byte = new Uint8Array(1);
    while (!answer.endsWith("\r\n\r\n") && (await connection.read(byte)) !== null) {
      answer += String.fromCharCode(byte[0]!);
    }
    return new RawWebSocket(connection, answer);
  }

  /** Sends bytes as they are. */
  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
  }

  /** Everything from now on until the server ends the connection or resets it. */
  async rest(): Promise<Uint8Array> {
    const pieces: number[] = [];
    const buffer = new Uint8Array(65_536);
    try {
      for (let n; (n = await this.connection.read(buffer)) !== null;) {
        pieces.push(...buffer.subarray(0, n));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    return Uint8Array.from(pieces);
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.connection.close();
  }
}
