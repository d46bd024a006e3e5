import type { Clock, Logger } from "../ops/mod.ts";
import {
  type DialBackOrder,
  type Endpoint,
  type PlainArrival,
  ProxyHeaderReader,
  type StunResponder,
} from "../protocol/mod.ts";
import { ConnectionError, type StreamConnection } from "../transport/mod.ts";
import { type DialBackOutcome, type SocketAddress, StunStreamFramer } from "../wire/mod.ts";
import type { AnswerRoom, AnswerRooms } from "./answer_room.ts";
import type { LatencySampler } from "./latency_sampler.ts";

/** How long a connection may do nothing useful, each in ms. */
export interface StreamTimeouts {
  /** Between two messages. */
  readonly idleMs: number;
  /** For a message, or a PROXY header, that has begun. */
  readonly partialMs: number;
  /** For the client to take an answer. */
  readonly writeMs: number;
}

/** What all connections of one listening socket have in common. */
export interface StreamHouse {
  /** The socket that accepted them. */
  readonly endpoint: Endpoint;
  /** Decides the answers; asked for anew each time, as it may be exchanged. */
  readonly responder: Pick<StunResponder, "handle" | "answerPlain" | "plainAnswerBytes">;
  /** How long a connection may do nothing useful. */
  readonly timeouts: StreamTimeouts;
  /** The greatest message, in bytes. */
  readonly maxMessageBytes: number;
  /** Makes a dial-back. */
  readonly dialBack: (order: DialBackOrder, from: StreamConnection) => Promise<DialBackOutcome>;
  /** Where answers are written. */
  readonly rooms: AnswerRooms;
  /** Counts bytes. */
  readonly traffic: Traffic;
  /** Takes samples of how long answering what was read took; dial-backs left out. */
  readonly latency?: LatencySampler | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
  /** Called at the end of each session. @default {undefined} nobody is told */
  readonly onEnd?: (session: StreamSession) => void;
}

/** What a {@linkcode StreamSession} has of its own. */
export interface StreamSessionOptions {
  /** The connection; closed with the session. */
  readonly connection: StreamConnection;
  /**
   * Whether the peer is a load balancer that is believed when it says, in a PROXY header, whose
   * connection it is. Called with that client; what it returns is whether to serve it.
   * @default {undefined} the peer is the client
   */
  readonly onProxied?: ((client: SocketAddress) => boolean) | undefined;
}

/** How many bytes have been read and written. */
export interface Traffic {
  /** Bytes read. */
  received: number;
  /** Bytes written. */
  sent: number;
}

/**
 * One TCP or TLS connection: answers its messages in order, those of one read in one write, and
 * lives for as long as its client uses it (RFC 8489 section 6.2.2). Its age does not matter.
 */
export class StreamSession {
  readonly #house: StreamHouse;
  readonly #connection: StreamConnection;
  readonly #framer: StunStreamFramer;
  #client: SocketAddress | undefined;
  #proxy: Proxy | undefined;
  /** The time of the last read or sweep: asking the clock costs as much as an answer. */
  #now: number;
  #deadline: number;
  #partialSince: number | undefined;
  #stopping = false;
  #busy = false;

  /** Takes the connection over. */
  constructor({ connection, onProxied }: StreamSessionOptions, house: StreamHouse) {
    const { timeouts, clock, maxMessageBytes } = house;
    this.#house = house;
    this.#connection = connection;
    this.#framer = new StunStreamFramer({ maxMessageBytes });
    this.#now = clock.now();
    if (onProxied === undefined) {
      this.#client = connection.remoteAddress;
      this.#deadline = this.#now + timeouts.idleMs;
    } else {
      this.#proxy = { header: new ProxyHeaderReader(), admits: onProxied };
      this.#deadline = this.#now + timeouts.partialMs;
    }
  }

  /**
   * Serves the connection until either side has had enough. Never rejects. One async function, not
   * two: each takes half a kilobyte as long as it waits.
   */
  async run(): Promise<void> {
    const connection = this.#connection;
    const { onEnd, logger } = this.#house;
    try {
      while (!this.#stopping) {
        const chunk = await connection.read();
        if (chunk === undefined) break;
        this.#busy = true;
        const bytes = this.#receive(chunk);
        if (bytes === undefined) break;
        const room = this.#house.rooms.take();
        let messages = 0;
        for (let at = 0; at < bytes.length || room.at > 0;) {
          const { next, dialBack, count } = this.#answer(bytes, { from: at, room });
          if (room.at > 0) {
            this.#allowForWriting();
            await connection.write(room.bytes);
            this.#house.traffic.sent += room.at;
            room.at = 0;
          }
          if (dialBack !== undefined) room.append(await this.#dialBack(dialBack));
          messages += count;
          at = next;
        }
        this.#house.rooms.giveBack(room);
        this.#busy = false;
        if (this.#hasFailed()) break;
        this.#prolong(messages > 0);
      }
      // FIN, so that the client reads the last answer; a reset could overtake it
      await connection.closeWrite();
      if (this.#stopping) await this.#linger();
    } catch (error) {
      // The client is gone, or something of ours is wrong with this connection: the others go on
      if (error instanceof ConnectionError) logger.debug("connection lost", { error });
      else logger.error("connection failed", { error });
    } finally {
      connection.close();
      onEnd?.(this);
    }
  }

  /** Closes the connection if its time is up. Returns whether it was. */
  expire(now: number): boolean {
    this.#now = now;
    if (now < this.#deadline) return false;
    this.#connection.close();
    return true;
  }

  /** Ends the session as soon as what has been read is answered. */
  stop(): void {
    this.#stopping = true;
    if (!this.#busy) this.#connection.close();
  }

  /** What is for the framer of what was read; undefined where the connection is not to be served. */
  #receive(chunk: Uint8Array): Uint8Array | undefined {
    const { traffic, clock } = this.#house;
    this.#now = clock.now();
    traffic.received += chunk.length;
    return this.#proxy === undefined ? chunk : this.#unwrap(chunk, this.#proxy);
  }

  /** What follows the PROXY header; undefined where the connection is not to be served. */
  #unwrap(chunk: Uint8Array, { header, admits }: Proxy): Uint8Array | undefined {
    const state = header.push(chunk);
    if (state.state === "need-more") return NOTHING;
    if (state.state === "failed") {
      this.#house.logger.debug("connection closed", { reason: state.reason });
      return undefined;
    }
    // A balancer's own health check is answered as such. One that cannot say who its client is
    // makes a true answer impossible, and a false one is worse than none
    const client = state.source ?? (state.local ? this.#connection.remoteAddress : undefined);
    if (client === undefined || state.transport === "udp" || !admits(client)) return undefined;
    this.#client = client;
    this.#proxy = undefined;
    return state.rest;
  }

  /**
   * Writes the answers to what was read into a room, in order, as far as one write goes: to its end, or
   * to a dial-back, as the answers before it need not wait for what may take seconds.
   */
  #answer(bytes: Uint8Array, { from, room }: AnswerOptions): Taken {
    const source = this.#client!;
    // One for all messages: a full read has hundreds
    const arrival = {
      bytes,
      start: 0,
      end: 0,
      source,
      endpoint: this.#house.endpoint,
      now: this.#now,
    };
    let count = 0;
    let next = from;
    let dialBack: DialBackOrder | undefined;
    while (dialBack === undefined && room.at < MAX_WRITE_BYTES) {
      const frame = this.#framer.next(bytes, next);
      if (frame === undefined) {
        next = bytes.length;
        break;
      }
      count++;
      next = frame.next;
      arrival.bytes = frame.bytes;
      arrival.start = frame.start;
      arrival.end = frame.end;
      dialBack = this.#answerOne(arrival, room);
    }
    if (count > 0) this.#house.latency?.answered(count, this.#now);
    return { next, dialBack, count };
  }

  /** Adds the answer to one message, if there is one; a dial-back has to be made first. */
  #answerOne(arrival: PlainArrival, room: AnswerRoom): DialBackOrder | undefined {
    const { responder, clock } = this.#house;
    room.reserve(responder.plainAnswerBytes);
    const length = responder.answerPlain(arrival, room);
    if (length >= 0) {
      room.at += length;
      return undefined;
    }
    const bytes = arrival.bytes.subarray(arrival.start, arrival.end);
    const { source, endpoint, now } = arrival;
    const wallTime = clock.wallTime();
    const reply = responder.handle({ bytes, source, endpoint, now, wallTime });
    if (reply !== undefined && reply.dialBack === undefined) room.append(reply.bytes);
    return reply?.dialBack;
  }

  /**
   * A client that asks and never reads fills the socket's buffer, and then its session waits: what it
   * can make us hold is the answers to one read, for so long.
   */
  #allowForWriting(): void {
    this.#deadline = this.#now + this.#house.timeouts.writeMs;
  }

  /** Whether the stream has turned out not to be STUN. */
  #hasFailed(): boolean {
    const { failure } = this.#framer;
    if (failure === undefined) return false;
    this.#house.logger.debug("connection closed", { reason: failure.reason });
    return true;
  }

  /** Makes a dial-back. Returns the answer. */
  async #dialBack(order: DialBackOrder): Promise<Uint8Array> {
    const { clock, timeouts, dialBack } = this.#house;
    const begun = clock.now();
    this.#deadline = begun + order.timeoutMs + timeouts.writeMs;
    const outcome = await dialBack(order, this.#connection);
    this.#now = clock.now();
    return order.answer(outcome, Math.round(this.#now - begun));
  }

  /**
   * Closing a socket that holds unread bytes resets it. A client that goes on asking while the
   * server stops has a moment to see the FIN.
   */
  async #linger(): Promise<void> {
    const connection = this.#connection;
    const cancel = this.#house.clock.setTimer(LINGER_MS, () => connection.close());
    while (await connection.read() !== undefined) continue;
    cancel();
  }

  /** A message starts the idle timeout anew; a byte here and there does not. */
  #prolong(gotMessage: boolean): void {
    const { timeouts } = this.#house;
    if (this.#proxy !== undefined) return;
    if (this.#framer.pendingBytes === 0) {
      this.#partialSince = undefined;
      this.#deadline = this.#now + timeouts.idleMs;
      return;
    }
    if (gotMessage || this.#partialSince === undefined) this.#partialSince = this.#now;
    this.#deadline = this.#partialSince + timeouts.partialMs;
  }
}

/** A load balancer that has not said yet for whom it speaks. */
interface Proxy {
  readonly header: ProxyHeaderReader;
  readonly admits: (client: SocketAddress) => boolean;
}

interface AnswerOptions {
  /** Where in what was read to begin. */
  readonly from: number;
  /** Where the answers go; empty. */
  readonly room: AnswerRoom;
}

/** What a {@linkcode StreamSession} has made of a part of what was read. */
interface Taken {
  /** Where the next part begins. */
  readonly next: number;
  /** What to do once the answers are written. */
  readonly dialBack: DialBackOrder | undefined;
  /** How many messages it was. */
  readonly count: number;
}

/**
 * Where a write ends. Most of what one read can ask for fits (16 KB of the shortest requests from IPv4
 * get 26 KB), and a client that takes no answers makes us hold a room of twice that at most.
 */
const MAX_WRITE_BYTES = 32_768;

/** About the longest round trip there is. */
const LINGER_MS = 500;

const NOTHING = new Uint8Array(0);
