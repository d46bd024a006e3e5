import type { SocketAddress } from "../../lib/wire/mod.ts";
import { resetFor, type TcpSegment } from "./packet.ts";
import type { SimWorld } from "./segment.ts";
import { TcpInbox } from "./tcp_inbox.ts";
import { TcpOutbox } from "./tcp_outbox.ts";

/** What became of an attempt to connect: `"refused"` by an RST, `"unreachable"` by an ICMP error. */
export type TcpConnectOutcome = "connected" | "refused" | "timed-out" | "unreachable";

/** How a connection ended: by FIN from both sides, by RST, or because nothing got through any more. */
export type TcpCloseReason = "closed" | "reset" | "timed-out";

/** What a connection needs from its host. */
export interface TcpConnectionOptions {
  /** This side. */
  readonly local: SocketAddress;
  /** The other side. */
  readonly remote: SocketAddress;
  /** The SYN that came in, on the side that listened. @default {undefined} this side connects */
  readonly opening?: TcpSegment | undefined;
  /** ms after which connecting has timed out. */
  readonly timeoutMs: number;
  /** Puts a segment on the network. */
  readonly transmit: (segment: TcpSegment) => void;
  /** Called once the other side's handshake is complete, on the side that listened. */
  readonly onAccepted?: (() => void) | undefined;
  /** Called when the connection is over, whatever became of it. */
  readonly release: () => void;
}

/**
 * One side of a TCP connection: RFC 9293's states as far as opening (simultaneous open included),
 * ordered bytes and closing need them. No windows, no congestion control.
 *
 * Set the `on…` properties right after it is made or handed over: nothing happens before the next
 * packet arrives.
 */
export class SimTcpConnection {
  /** This side. */
  readonly local: SocketAddress;
  /** The other side. */
  readonly remote: SocketAddress;
  /** Called when it is known what became of the attempt to connect, on the side that connected. */
  onOutcome: ((outcome: TcpConnectOutcome) => void) | undefined;
  /** Called with the next bytes of the stream. */
  onReceive: ((bytes: Uint8Array) => void) | undefined;
  /** Called when the other side has sent its last byte. */
  onEnd: (() => void) | undefined;
  /** Called when an open connection is over. */
  onClose: ((reason: TcpCloseReason) => void) | undefined;
  readonly #world: SimWorld;
  readonly #options: TcpConnectionOptions;
  readonly #outbox: TcpOutbox;
  #inbox: TcpInbox | undefined;
  #state: "syn-sent" | "syn-received" | "open" | "closed" = "syn-sent";
  #outcome: TcpConnectOutcome | undefined;
  #cancelTimeout: () => void = () => {};

  /** Makes a connection and sends its first segment; use `connectTcp()` or `listenTcp()` of a host. */
  constructor(world: SimWorld, options: TcpConnectionOptions) {
    this.local = options.local;
    this.remote = options.remote;
    this.#world = world;
    this.#options = options;
    this.#outbox = new TcpOutbox(world, {
      transmit: ({ syn = false, fin = false, bytes = NO_BYTES, sequence }) =>
        this.#transmit({ syn, fin, bytes, sequence }),
      giveUp: () => this.#fail("timed-out"),
    });
    if (options.opening !== undefined) {
      this.#state = "syn-received";
      this.#inbox = new TcpInbox(options.opening.sequence + 1);
    }
    this.#cancelTimeout = world.setTimer(options.timeoutMs, () => this.#fail("timed-out"));
    this.#outbox.open();
  }

  /** Whether it is being made, open (perhaps half closed), or over. */
  get state(): "connecting" | "open" | "closed" {
    return this.#state === "open" || this.#state === "closed" ? this.#state : "connecting";
  }

  /** What became of the attempt to connect; undefined before, and on the side that listened. */
  get outcome(): TcpConnectOutcome | undefined {
    return this.#outcome;
  }

  /**
   * Sends bytes, as soon as the connection is open.
   *
   * @throws {TypeError} If this side has ended, or the connection is over.
   */
  send(bytes: Uint8Array): void {
    if (this.#state === "closed" || this.#outbox.ended) {
      throw new TypeError("Cannot send: this side of the connection has ended");
    }
    this.#outbox.write(bytes);
  }

  /** Sends FIN after all that has been sent; the other side may go on sending. Again does nothing. */
  end(): void {
    if (this.#state !== "closed" && !this.#outbox.ended) this.#outbox.end();
  }

  /** Breaks the connection off with an RST, or gives up connecting. No callback is called any more. */
  reset(): void {
    if (this.#state === "closed") return;
    if (this.#inbox !== undefined) {
      const sequence = this.#outbox.nextSequence;
      this.#transmit({ syn: false, fin: false, rst: true, bytes: NO_BYTES, sequence });
    }
    this.#release();
  }

  /** Takes a segment from the other side. */
  receive(segment: TcpSegment): void {
    if (this.#state === "syn-sent") return this.#receiveFirst(segment);
    if (segment.rst) {
      if (segment.sequence >= this.#inbox!.wanted) this.#fail("refused");
      return;
    }
    if (segment.syn && segment.acknowledgement === undefined) {
      // The SYN again: what answers it was lost, and the outbox will send it again if need be
      if (this.#state === "syn-received") this.#outbox.resend();
      else this.#acknowledge();
      return;
    }
    const { acknowledgement } = segment;
    if (acknowledgement === undefined) return;
    if (this.#state === "syn-received" && !this.#outbox.covers(acknowledgement)) {
      return this.#options.transmit(resetFor(segment));
    }
    this.#outbox.acknowledge(acknowledgement);
    if (this.#state === "syn-received") this.#open();
    this.#take(segment);
  }

  /** Takes an ICMP error about a segment of this connection. It is an outcome while connecting only. */
  receiveError(): void {
    // RFC 5927: an established connection is not broken off by what anybody could forge
    if (this.#state === "syn-sent" || this.#state === "syn-received") this.#fail("unreachable");
  }

  /** RFC 9293 section 3.10.7.3: SYN-SENT. */
  #receiveFirst(segment: TcpSegment): void {
    const { acknowledgement, syn, rst } = segment;
    if (acknowledgement !== undefined && !this.#outbox.covers(acknowledgement)) {
      if (!rst) this.#options.transmit(resetFor(segment));
      return;
    }
    if (rst) {
      if (acknowledgement !== undefined) this.#fail("refused");
      return;
    }
    if (!syn) return;
    this.#inbox = new TcpInbox(segment.sequence + 1);
    if (acknowledgement === undefined) {
      // Both sides have sent SYN: each answers the other's, and neither needs a listener
      this.#state = "syn-received";
      this.#outbox.resend();
      return;
    }
    this.#outbox.acknowledge(acknowledgement);
    this.#open();
    this.#acknowledge();
  }

  #open(): void {
    this.#state = "open";
    this.#cancelTimeout();
    if (this.#options.opening === undefined) {
      this.#outcome = "connected";
      this.onOutcome?.("connected");
    } else {
      this.#options.onAccepted?.();
    }
    if (this.state === "open") this.#outbox.begin();
  }

  #take(segment: TcpSegment): void {
    const { chunks, ended } = this.#inbox!.push(segment);
    if (segment.bytes.length > 0 || segment.fin || segment.syn) this.#acknowledge();
    for (const chunk of chunks) if (this.state === "open") this.onReceive?.(chunk);
    if (ended && this.state === "open") this.onEnd?.();
    if (this.state === "open" && this.#inbox!.ended && this.#outbox.finished) {
      this.#release();
      this.onClose?.("closed");
    }
  }

  #acknowledge(): void {
    const sequence = this.#outbox.nextSequence;
    this.#transmit({ syn: false, fin: false, bytes: NO_BYTES, sequence });
  }

  #fail(why: "refused" | "timed-out" | "unreachable"): void {
    const wasOpen = this.#state === "open";
    const wasFinished = wasOpen && this.#inbox!.ended && this.#outbox.ended;
    this.#release();
    if (wasOpen) {
      const reason = why === "timed-out" ? why : "reset";
      // Both have said that they are done: the other side has merely forgotten the connection first
      this.onClose?.(wasFinished ? "closed" : reason);
    } else if (this.#options.opening === undefined) {
      this.#outcome = why;
      this.onOutcome?.(why);
    }
  }

  #release(): void {
    this.#state = "closed";
    this.#cancelTimeout();
    this.#outbox.stop();
    this.#options.release();
  }

  #transmit(
    segment: Pick<TcpSegment, "syn" | "fin" | "bytes" | "sequence"> & { readonly rst?: boolean },
  ): void {
    const acknowledgement = this.#inbox?.wanted;
    this.#options.transmit({
      protocol: "tcp",
      source: this.local,
      destination: this.remote,
      rst: false,
      ...segment,
      ...(acknowledgement === undefined ? {} : { acknowledgement }),
    });
  }
}

const NO_BYTES = new Uint8Array(0);
