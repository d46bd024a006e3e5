import type { Clock, Logger } from "../ops/mod.ts";
import type { EndpointRole, StunResponder } from "../protocol/mod.ts";
import type { Datagram, DatagramTransport } from "../transport/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import { AnswerRoom } from "./answer_room.ts";
import type { LatencySampler } from "./latency_sampler.ts";
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
  /** Takes samples of how long answering takes. */
  readonly latency?: LatencySampler | undefined;
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
    const { logger } = this.#options;
    const rooms: DatagramRoom[] = [];
    let unsent = 0;
    for (;;) {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      const answers = this.#answerAll(batch, { endpoint, rooms });
      if (answers.length === 0) continue;
      // Not awaited as a rule: UDP promises no order, and the next request is there already
      unsent += answers.length;
      const settle = (error?: unknown) => {
        if (error !== undefined) logger.error("cannot send an answer", { error });
        unsent -= answers.length;
        for (const one of answers) if (one instanceof DatagramRoom) rooms.push(one);
      };
      const sending = socket.send(answers).then(settle, settle);
      if (unsent >= MAX_UNSENT) await sending;
    }
  }

  /** The answers that leave from the socket that the batch came in on; others are sent from theirs. */
  #answerAll(batch: readonly Datagram[], { endpoint, rooms }: Bench): Datagram[] {
    const { clock, logger, latency } = this.#options;
    const now = clock.now();
    const answers: Datagram[] = [];
    for (const { bytes, peer } of batch) {
      this.traffic.received += bytes.length;
      try {
        const room = rooms.pop() ?? new DatagramRoom(this.responder.plainAnswerBytes);
        room.at = 0;
        // An exchanged responder may have more to say than the one before
        room.reserve(this.responder.plainAnswerBytes);
        const end = bytes.length;
        const arrival = { bytes, start: 0, end, source: peer, endpoint, now };
        const length = this.responder.answerPlain(arrival, room);
        if (length > 0) {
          room.at = length;
          room.peer = peer;
          answers.push(room);
          this.traffic.sent += length;
          continue;
        }
        rooms.push(room);
        if (length === 0) continue;
        const wallTime = clock.wallTime();
        const reply = this.responder.handle({ bytes, source: peer, endpoint, now, wallTime });
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
    if (answers.length > 0) latency?.answered(batch.length, now);
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
  readonly rooms: DatagramRoom[];
}

/** Room for one answer, which keeps it until it has been sent. */
class DatagramRoom extends AnswerRoom implements Datagram {
  peer: SocketAddress = NOBODY;
}

const NOBODY: SocketAddress = { ip: new Uint8Array(4), port: 0 };

/** How many answers may be on their way into a socket before its next requests have to wait. */
const MAX_UNSENT = 256;
