import { assertEquals } from "@std/assert";
import { connect, type Socket } from "node:net";
import { bindingRequest, readMessage, type Target } from "./binding_request.ts";

/** A TCP connection that a test keeps open. `await using`, or `close()`, ends it. */
export class HeldConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  #closed = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects. */
  static async open({ hostname, port }: Target): Promise<HeldConnection> {
    return new HeldConnection(await Deno.connect({ hostname, port }));
  }

  /** Connects `count` times, 50 at once. */
  static async openMany(target: Target, count: number): Promise<HeldConnection[]> {
    const opened: HeldConnection[] = [];
    let left = count;
    const worker = async () => {
      while (left-- > 0) opened.push(await HeldConnection.open(target));
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    return opened;
  }

  /** Asks a plain question and checks the answer, as {@linkcode HeldConnection.answerTo} does. */
  async ask(): Promise<void> {
    const request = bindingRequest();
    await this.write(request);
    await this.answerTo(request);
  }

  /**
   * Reads a message and checks that it is a success response to this request.
   *
   * @throws {Error} If there is none within 5 s; the connection is closed then.
   */
  async answerTo(request: Uint8Array): Promise<void> {
    const timeout = setTimeout(() => this.close(), 5_000);
    try {
      const answer = await readMessage(this.#connection);
      assertEquals([answer[0], answer[1]], [0x01, 0x01]);
      assertEquals(answer.subarray(8, 20), request.subarray(8, 20));
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Writes all of the bytes; resolves when the system has taken them. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  /**
   * Waits until the server ends the connection, throwing away what it still sends: "fin" if it did
   * so in good order, "reset" if not.
   *
   * @throws {Error} If it has not within `timeoutMs`.
   */
  async end({ timeoutMs }: { readonly timeoutMs: number }): Promise<"fin" | "reset"> {
    const timeout = setTimeout(() => this.close(), timeoutMs);
    const buffer = new Uint8Array(65_536);
    try {
      while (await this.#connection.read(buffer) !== null);
      return "fin";
    } catch (error) {
      if (isReset(error)) return "reset";
      throw new Error(`Cannot see the end of the connection: open after ${timeoutMs} ms`, {
        cause: error,
      });
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Closes it. Closing again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Whether an error says that the peer broke the connection off. */
export function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

/** Connects from another loopback address than 127.0.0.1, which Deno's own API cannot choose. */
export function connectFrom(localAddress: string, { hostname, port }: Target): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host: hostname, port, localAddress });
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    resolve(socket);
  });
  return promise;
}
