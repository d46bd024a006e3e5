import type { Socket } from "node:net";
import { encodeUtf8 } from "../../wire/mod.ts";
import type { Clock } from "../mod.ts";
import { webSocketFrame, type WebSocketInput, WebSocketReader } from "./_websocket_reader.ts";

/** What a client has sent: text, or something that cannot be taken. */
export type WebSocketMessage =
  | { readonly text: string }
  | { readonly unreadable: "binary" | "too-long" };

/** Who gets what a client sends. */
export interface WebSocketListener {
  /** A message has come. */
  onMessage(message: WebSocketMessage): void;
  /** The connection is no more; called once, and nothing after it. */
  onClose(): void;
}

/** What a {@linkcode ServedWebSocket} is made of. */
export interface ServedWebSocketOptions {
  /** The longest message to take, in bytes. */
  readonly maxMessageBytes: number;
  /** Tells the time. */
  readonly clock: Clock;
}

/**
 * The server's end of a WebSocket (RFC 6455). Deno's own takes messages of 64 MiB from strangers and
 * cannot let go of a peer that does not read; the package `ws` wants to read the environment.
 */
export class ServedWebSocket {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #reader: WebSocketReader;
  #listener: WebSocketListener | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #cancelPatience = () => {};

  /** Takes over a connection whose upgrade has been answered. */
  constructor(socket: Socket, options: ServedWebSocketOptions) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#reader = new WebSocketReader(options.maxMessageBytes);
  }

  /** How many bytes wait to be taken by the client. */
  get bufferedAmount(): number {
    return this.#socket.writableLength;
  }

  /** Begins to read; `head` is what has come already. */
  listen(listener: WebSocketListener, head: Uint8Array): void {
    this.#listener = listener;
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    this.#socket.once("end", () => this.abort());
    this.#socket.once("close", () => this.#finish());
    if (head.length > 0) this.#take(head);
  }

  /** Sends a text message; passed over once the connection is being closed. */
  send(text: string): void {
    if (this.#state === "open") this.#socket.write(textFrame(text));
  }

  /** Closes with this code: what was sent arrives, and the client has two seconds to agree. */
  close(code: number): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#socket.write(webSocketFrame("close", Uint8Array.of(code >> 8, code & 255)));
    this.#cancelPatience = this.#clock.setTimer(CLOSE_PATIENCE_MS, () => this.abort());
  }

  /** Lets go of the connection at once, and of all that waits in it. */
  abort(): void {
    this.#socket.destroy();
    this.#finish();
  }

  #take(bytes: Uint8Array): void {
    for (const input of this.#reader.push(bytes)) this.#act(input);
  }

  #act(input: WebSocketInput): void {
    if (input.kind === "close") {
      this.close(1000);
      // Both have said so (RFC 6455 section 7.1.1)
      this.#socket.end();
      return this.#finish();
    }
    if (this.#state !== "open") return;
    switch (input.kind) {
      case "text":
        return this.#listener?.onMessage({ text: input.text });
      case "binary":
      case "too-long":
        return this.#listener?.onMessage({ unreadable: input.kind });
      case "ping":
        // Who asks faster than it reads gets fewer answers
        if (this.bufferedAmount < MAX_BUFFERED_PONGS) {
          this.#socket.write(webSocketFrame("pong", input.payload));
        }
        return;
      case "failure":
        return this.close(input.code);
    }
  }

  #finish(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#cancelPatience();
    this.#listener?.onClose();
  }
}

/** What goes to many clients, one after the other, is made into a frame once. */
function textFrame(text: string): Uint8Array {
  if (text !== last.text) last = { text, frame: webSocketFrame("text", encodeUtf8(text)) };
  return last.frame;
}

let last = { text: "", frame: webSocketFrame("text", new Uint8Array()) };
const CLOSE_PATIENCE_MS = 2000;
const MAX_BUFFERED_PONGS = 65_536;
