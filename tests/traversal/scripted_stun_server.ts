import {
  attribute,
  decodeMessage,
  encodeMessage,
  formatSocketAddress,
  type SocketAddress,
  socketAddress,
  type StunMessage,
  StunStreamFramer,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import { answerTo, answerWith } from "../client/scripted_server.ts";

/** What a {@linkcode ScriptedStunServer} does with requests; it may be changed at any time. */
export interface StunScript {
  /** What it says that it sees. @default {undefined} what it sees */
  reflexive?: string | undefined;
  /** Whether it answers; else with an error, with what is not STUN, or not at all. @default {"yes"} */
  answers?: "yes" | "error" | "garbage" | "never" | undefined;
  /** ms after which it closes a connection. @default {undefined} it does not */
  closesAfterMs?: number | undefined;
  /** Answers in place of the rest; undefined if it does not want to. */
  onRequest?: ((request: StunMessage) => Promise<Uint8Array | undefined>) | undefined;
}

/** A TCP STUN server that does what the test tells it, and can be killed and revived. */
export class ScriptedStunServer implements AsyncDisposable {
  /** What it does. */
  readonly script: StunScript;
  readonly #hostname: string;
  readonly #serving = new Set<Promise<void>>();
  readonly #connections = new Set<Deno.TcpConn>();
  #listener: Deno.TcpListener;
  #accepted = 0;
  #asked = 0;

  /** Starts it on a free port. */
  constructor(script: StunScript = {}, hostname = "127.0.0.1") {
    this.script = script;
    this.#hostname = hostname;
    this.#listener = Deno.listen({ hostname, port: 0 });
    this.#serve();
  }

  /** Where it is. */
  get address(): SocketAddress {
    const ip = Uint8Array.from(this.#hostname.split("."), Number);
    return socketAddress(ip, this.#listener.addr.port);
  }

  /** Where it is, as text. */
  get name(): string {
    return formatSocketAddress(this.address);
  }

  /** Where it is, as a URI. */
  get uri(): string {
    return `stun:${this.name}`;
  }

  /** How many connections were made to it so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many requests it was sent so far. */
  get asked(): number {
    return this.#asked;
  }

  /** Ends all connections, and listens no more. */
  async kill(): Promise<void> {
    this.#listener.close();
    this.closeConnections();
    await Promise.all(this.#serving);
  }

  /** Ends all connections. */
  closeConnections(): void {
    for (const connection of this.#connections) close(connection);
  }

  /** Listens again where it did. */
  revive(): void {
    this.#listener = Deno.listen({ hostname: this.#hostname, port: this.#listener.addr.port });
    this.#serve();
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#listener.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    this.closeConnections();
    await Promise.all(this.#serving);
  }

  #serve(): void {
    const listener = this.#listener;
    this.#track(async () => {
      for await (const connection of listener) {
        this.#accepted++;
        this.#track(() => this.#converse(connection));
      }
    });
  }

  #track(work: () => Promise<void>): void {
    const task = work().finally(() => this.#serving.delete(task));
    this.#serving.add(task);
  }

  async #converse(connection: Deno.TcpConn): Promise<void> {
    this.#connections.add(connection);
    const { closesAfterMs } = this.script;
    const timer = closesAfterMs === undefined
      ? undefined
      : setTimeout(() => close(connection), closesAfterMs);
    const framer = new StunStreamFramer();
    const buffer = new Uint8Array(2048);
    try {
      for (;;) {
        const length = await connection.read(buffer);
        if (length === null) break;
        for (const frame of framer.push(buffer.slice(0, length)).frames) {
          this.#asked++;
          const answer = await this.#answer(frame, connection.remoteAddr);
          if (answer !== undefined) await connection.write(answer);
        }
      }
    } catch {
      // The client is gone, or the test has closed it
    }
    clearTimeout(timer);
    close(connection);
    this.#connections.delete(connection);
  }

  async #answer(frame: Uint8Array, from: Deno.NetAddr): Promise<Uint8Array | undefined> {
    const request = decodeMessage(frame);
    if (!request.ok) throw new TypeError(request.reason);
    const { reflexive, answers = "yes", onRequest } = this.script;
    const special = await onRequest?.(request.value);
    if (special !== undefined) return special;
    switch (answers) {
      case "yes":
        return answerWith(reflexive ?? `${from.hostname}:${from.port}`, request.value);
      case "error":
        return answerTo(request.value, [], { class: "error" });
      case "garbage":
        return new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n");
      case "never":
        return undefined;
    }
  }
}

/** The bytes of a Binding success response to nobody's request. */
export function strayAnswer(address: SocketAddress): Uint8Array {
  return encodeMessage({
    class: "success",
    method: 1,
    transactionId: new Uint8Array(12).fill(9),
    attributes: [attribute(XOR_MAPPED_ADDRESS, address)],
  });
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
