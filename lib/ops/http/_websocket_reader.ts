import { decodeUtf8 } from "../../wire/mod.ts";

/** What has come over a WebSocket. */
export type WebSocketInput =
  /** A whole text message. */
  | { readonly kind: "text"; readonly text: string }
  /** A whole binary message. */
  | { readonly kind: "binary" }
  /** A message longer than it may be; nothing after it is read. */
  | { readonly kind: "too-long" }
  /** A ping, whose payload the pong must carry. */
  | { readonly kind: "ping"; readonly payload: Uint8Array }
  /** The other side closes. */
  | { readonly kind: "close" }
  /** Bytes that are no WebSocket of a client; nothing after them is read. */
  | { readonly kind: "failure"; readonly code: 1002 | 1007 };

/**
 * Cuts the bytes of a client into the messages of a WebSocket (RFC 6455 section 5), and keeps no more
 * of them than one message may have.
 */
export class WebSocketReader {
  readonly #maxBytes: number;
  /** What has come of a frame that is not complete. */
  #pending: Uint8Array = new Uint8Array();
  /** What has come of a message in fragments. */
  #message: { readonly opcode: number; readonly bytes: Uint8Array; length: number } | undefined;
  #stopped = false;

  /** Makes a reader of messages of at most so many bytes. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes bytes, and gives what they complete. */
  push(bytes: Uint8Array): WebSocketInput[] {
    const inputs: WebSocketInput[] = [];
    let rest = bytes;
    if (this.#pending.length > 0) {
      rest = new Uint8Array(this.#pending.length + bytes.length);
      rest.set(this.#pending);
      rest.set(bytes, this.#pending.length);
    }
    while (!this.#stopped) {
      const frame = this.#frame(rest);
      if (frame === undefined) break;
      if (frame.input !== undefined) {
        inputs.push(frame.input);
        this.#stopped = STOPS.has(frame.input.kind);
      }
      rest = rest.subarray(frame.length);
    }
    this.#pending = this.#stopped ? new Uint8Array() : rest.slice();
    return inputs;
  }

  /** The first frame, if it is complete or wrong. */
  #frame(
    bytes: Uint8Array,
  ): { readonly length: number; readonly input?: WebSocketInput | undefined } | undefined {
    // FIN(1) RSV(3) opcode(4) MASK(1) length(7) [length(16 or 64)] mask(32) payload
    if (bytes.length < 2) return undefined;
    const [first, second] = bytes as unknown as [number, number];
    const opcode = first & 0x0f;
    const isControl = opcode >= CLOSE;
    const isFinal = (first & 0x80) !== 0;
    const short = second & 0x7f;
    // No extension has been agreed on, and a client must mask
    if ((first & 0x70) !== 0 || (second & 0x80) === 0) return FAILURE;
    if (isControl && (!isFinal || short > 125 || opcode > PONG)) return FAILURE;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthBytes + 4;
    if (bytes.length < start) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const size = short === 126
      ? view.getUint16(2)
      : short === 127
      ? view.getUint32(2) * 2 ** 32 + view.getUint32(6)
      : short;
    const tooLong = (this.#message?.length ?? 0) + size > this.#maxBytes;
    if (!isControl && tooLong) return { length: start, input: { kind: "too-long" } };
    if (bytes.length < start + size) return undefined;
    const payload = bytes.slice(start, start + size);
    for (let i = 0; i < size; i++) payload[i]! ^= bytes[start - 4 + (i & 3)]!;
    const input = isControl
      ? controlInput(opcode, payload)
      : this.#data(opcode, { payload, isFinal });
    return { length: start + size, input };
  }

  #data(
    opcode: number,
    { payload, isFinal }: { readonly payload: Uint8Array; readonly isFinal: boolean },
  ): WebSocketInput | undefined {
    const isContinuation = opcode === CONTINUATION;
    // A message begins with its opcode and goes on with none, and nothing comes in between
    if (opcode > BINARY || isContinuation !== (this.#message !== undefined)) return FAILURE.input;
    if (isFinal && !isContinuation) return dataInput(opcode, payload);
    this.#message ??= { opcode, bytes: new Uint8Array(this.#maxBytes), length: 0 };
    this.#message.bytes.set(payload, this.#message.length);
    this.#message.length += payload.length;
    if (!isFinal) return undefined;
    const { opcode: kind, bytes, length } = this.#message;
    this.#message = undefined;
    return dataInput(kind, bytes.subarray(0, length));
  }
}

/** One frame of a server, which does not mask: text, ping, pong or close. */
export function webSocketFrame(
  kind: "text" | "pong" | "close",
  payload: Uint8Array,
): Uint8Array {
  const size = payload.length;
  const start = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const frame = new Uint8Array(start + size);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | { text: TEXT, pong: PONG, close: CLOSE }[kind];
  frame[1] = size < 126 ? size : size < 65_536 ? 126 : 127;
  if (start === 4) view.setUint16(2, size);
  if (start === 10) view.setUint32(6, size);
  frame.set(payload, start);
  return frame;
}

function controlInput(opcode: number, payload: Uint8Array): WebSocketInput | undefined {
  if (opcode === PING) return { kind: "ping", payload };
  return opcode === CLOSE ? { kind: "close" } : undefined;
}

function dataInput(opcode: number, payload: Uint8Array): WebSocketInput {
  if (opcode === BINARY) return { kind: "binary" };
  const text = decodeUtf8(payload);
  return text.ok ? { kind: "text", text: text.value } : { kind: "failure", code: 1007 };
}

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const FAILURE = { length: 0, input: { kind: "failure", code: 1002 } } as const;
const STOPS: ReadonlySet<WebSocketInput["kind"]> = new Set(["too-long", "close", "failure"]);
