import type { Clock, Logger } from "../ops/mod.ts";
import type { EndpointRole, StunResponder } from "../protocol/mod.ts";
import type { Datagram, DatagramTransport } from "../transport/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import type { DatagramListener } from "./listeners.ts";
import type { Traffic } from "./stream_session.ts";

/** What a {@linkcode DatagramService} is made of. */
export interface DatagramServiceOptions {
  /** The sockets that answer for each other, each in a role of its own. */
  readonly group: readonly DatagramListener[];
  /** Decides the answers. */
  readonly responder: StunResponder;
  /** Where to count the bytes. @default from 0 */
  readonly traffic?: Traffic | undefined;
  /** Takes a sample of how long answering took, in seconds. */
  readonly observe?: ((seconds: number) => void) | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/** Moves datagrams between the UDP sockets and the responder. */
export class DatagramService {
  /** How many bytes have been received and sent. */
  readonly traffic: Traffic;
  /** Decides the answers; may be exchanged while the service runs. */
  responder: StunResponder;
  readonly #options: DatagramServiceOptions;
  readonly #sockets: ReadonlyMap<EndpointRole, DatagramTransport>;
  #loops: Promise<unknown> = Promise.resolve();

  /** Takes the sockets over; they are closed with the service. */
  constructor(options: DatagramServiceOptions) {
    this.#options = options;
    this.responder = options.responder;
    this.traffic = options.traffic ?? { received: 0, sent: 0 };
    this.#sockets = new Map(options.group.map(({ role, socket }) => [role, socket]));
  }

  /** Begins to answer. */
  start(): void {
    this.#loops = Promise.all(this.#options.group.map((endpoint) => this.#serve(endpoint)));
  }

  /** Closes the sockets; resolves when what had been read is answered. */
  async close(): Promise<void> {
    for (const { socket } of this.#options.group) socket.close();
    await this.#loops;
  }

  async #serve(endpoint: DatagramListener): Promise<void> {
    const { socket } = endpoint;
    const rooms: AnswerRoom[] = [];
    let unsent = 0;
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      const answers = this.#answerAll(batch, { endpoint, rooms });
      if (answers.length === 0) continue;
      // Not awaited as a rule: UDP promises no order, and the next request is there already
      unsent += answers.length;
      const sending = socket.send(answers).catch((error) => {
        this.#options.logger.error("cannot send an answer", { error });
      }).finally(() => {
        unsent -= answers.length;
        for (const one of answers) if (one instanceof AnswerRoom) rooms.push(one);
      });
      if (unsent >= MAX_UNSENT) await sending;
    }
  }

  /** The answers that leave from the socket that the batch came in on; others are sent from theirs. */
  #answerAll(batch: readonly Datagram[], { endpoint, rooms }: Bench): Datagram[] {
    const { clock, logger, observe } = this.#options;
    const now = clock.now();
    const wallTime = clock.wallTime();
    const answers: Datagram[] = [];
    for (const { bytes, peer } of batch) {
      this.traffic.received += bytes.length;
      try {
        const arrival = { bytes, source: peer, endpoint, now, wallTime };
        const room = roomOf(this.responder.plainAnswerBytes, rooms);
        const length = this.responder.answerPlain(arrival, room.into);
        if (length > 0) {
          room.fill(length, peer);
          answers.push(room);
          this.traffic.sent += length;
          continue;
        }
        rooms.push(room);
        if (length === 0) continue;
        const reply = this.responder.handle(arrival);
        if (reply === undefined) continue;
        const answer = { bytes: reply.bytes, peer: reply.destination };
        this.traffic.sent += reply.bytes.length;
        if (reply.via === endpoint.role) answers.push(answer);
        else this.#sendFrom(reply.via, answer);
      } catch (error) {
        // A mistake of ours with one datagram must not silence the others
        logger.error("cannot answer a datagram", { error });
      }
    }
    if (answers.length > 0) observe?.((clock.now() - now) / 1000 / batch.length);
    return answers;
  }

  #sendFrom(via: EndpointRole, answer: Datagram): void {
    this.#sockets.get(via)?.send([answer]).catch((error) => {
      this.#options.logger.error("cannot send an answer", { error });
    });
  }
}

/** What a loop over one socket has at hand. */
interface Bench {
  readonly endpoint: DatagramListener;
  /** Rooms that are free. */
  readonly rooms: AnswerRoom[];
}

function roomOf(size: number, rooms: AnswerRoom[]): AnswerRoom {
  const room = rooms.pop();
  // An exchanged responder may have more to say than the one before
  return room === undefined || room.into.length < size ? new AnswerRoom(size) : room;
}

/** A buffer for answers, used again as soon as one has been sent: a new one costs more than all else. */
class AnswerRoom implements Datagram {
  readonly into: Uint8Array;
  bytes: Uint8Array;
  peer: SocketAddress = NOBODY;

  constructor(size: number) {
    // 128: V8 is slow to make views on what is so short that it may move about
    this.into = new Uint8Array(Math.max(size, 128));
    this.bytes = this.into;
  }

  fill(length: number, peer: SocketAddress): void {
    // Most answers are as long as the one before
    if (this.bytes.length !== length) this.bytes = this.into.subarray(0, length);
    this.peer = peer;
  }
}

const NOBODY: SocketAddress = { ip: new Uint8Array(4), port: 0 };

/** How many answers may be on their way into a socket before its next requests have to wait. */
const MAX_UNSENT = 256;
