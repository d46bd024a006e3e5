import type { SimWorld } from "./segment.ts";

/** What a {@linkcode TcpOutbox} wants sent. */
export interface OutgoingSegment {
  /** The sequence number of its first byte, or of its flag. */
  readonly sequence: number;
  /** Opens the connection. */
  readonly syn?: true;
  /** Ends this side. */
  readonly fin?: true;
  /** The payload. */
  readonly bytes?: Uint8Array;
}

/** What a {@linkcode TcpOutbox} is connected to. */
export interface TcpOutboxOptions {
  /** Puts a segment on the network. */
  readonly transmit: (segment: OutgoingSegment) => void;
  /** Called when the other side has acknowledged nothing for too long. */
  readonly giveUp: () => void;
}

/**
 * The sending half of a TCP connection: numbers the bytes, and sends again what is not acknowledged,
 * after 1, 2, 4 and then 8 seconds each, as RFC 6298 would without a measured round-trip time.
 */
export class TcpOutbox {
  readonly #world: SimWorld;
  readonly #options: TcpOutboxOptions;
  /** What has been sent and not acknowledged, or waits for the connection to open. */
  #queue: OutgoingSegment[] = [];
  readonly #initial: number;
  #nextSequence: number;
  #acknowledged: number;
  #begun = false;
  #ended = false;
  #retries = 0;
  #cancelTimer: (() => void) | undefined;

  /** Begins with a random sequence number. */
  constructor(world: SimWorld, options: TcpOutboxOptions) {
    this.#world = world;
    this.#options = options;
    this.#initial = world.random.u32();
    this.#nextSequence = this.#acknowledged = this.#initial;
  }

  /** The sequence number that the next byte will have. */
  get nextSequence(): number {
    return this.#begun ? this.#nextSequence : this.#initial + 1;
  }

  /** Whether this side has sent FIN or will. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the other side has acknowledged this side's FIN. */
  get finished(): boolean {
    return this.#ended && this.#acknowledged === this.#nextSequence;
  }

  /** Whether this acknowledges the SYN, and nothing that was never sent. */
  covers(acknowledgement: number): boolean {
    return acknowledgement > this.#initial && acknowledgement <= this.nextSequence;
  }

  /** Sends SYN. */
  open(): void {
    this.#append({ syn: true }, 1);
    this.resend();
    this.#arm();
  }

  /** The connection is open: sends what has waited for it. */
  begin(): void {
    this.#begun = true;
    for (const segment of this.#queue) this.#options.transmit(segment);
    this.#arm();
  }

  /** Sends bytes, in segments that fit into a packet. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) {
      const part = bytes.slice(at, at + SEGMENT_BYTES);
      this.#send({ bytes: part }, part.length);
    }
  }

  /** Sends FIN. */
  end(): void {
    this.#ended = true;
    this.#send({ fin: true }, 1);
  }

  /** Takes an acknowledgement of everything before that number. */
  acknowledge(acknowledgement: number): void {
    if (acknowledgement <= this.#acknowledged || acknowledgement > this.#nextSequence) return;
    this.#acknowledged = acknowledgement;
    this.#queue = this.#queue.filter(({ sequence }) => sequence >= acknowledgement);
    this.#retries = 0;
    this.#arm();
  }

  /** Sends the first segment that is not acknowledged once more. */
  resend(): void {
    const first = this.#queue[0];
    if (first !== undefined) this.#options.transmit(first);
  }

  /** Sends nothing more. */
  stop(): void {
    this.#cancelTimer?.();
    this.#queue = [];
  }

  #send(part: Omit<OutgoingSegment, "sequence">, length: number): void {
    const segment = this.#append(part, length);
    if (!this.#begun) return;
    this.#options.transmit(segment);
    if (this.#queue.length === 1) this.#arm();
  }

  #append(part: Omit<OutgoingSegment, "sequence">, length: number): OutgoingSegment {
    const segment = { ...part, sequence: this.#nextSequence };
    this.#nextSequence += length;
    this.#queue.push(segment);
    return segment;
  }

  #arm(): void {
    this.#cancelTimer?.();
    if (this.#queue.length === 0) return;
    this.#cancelTimer = this.#world.setTimer(
      Math.min(FIRST_RTO_MS * 2 ** this.#retries, MOST_RTO_MS),
      () => {
        // The handshake has its own timeout, which the host chooses
        if (this.#begun && this.#retries >= MOST_RETRIES) return this.#options.giveUp();
        this.#retries++;
        this.resend();
        this.#arm();
      },
    );
  }
}

const SEGMENT_BYTES = 1460;
const FIRST_RTO_MS = 1000;
// Loss is to show as delay alone: at 30 % each way one segment in 50,000 fails 16 times. After
// 1 + 2 + 4 + 13 x 8 s, which is two minutes, a connection is as good as dead
const MOST_RTO_MS = 8000;
const MOST_RETRIES = 15;
