import type { Clock, Logger } from "../ops/mod.ts";
import type { EndpointRole, StunResponder } from "../protocol/mod.ts";
import type { Datagram, DatagramTransport } from "../transport/mod.ts";
import type { DatagramListener } from "./listeners.ts";
import type { Traffic } from "./stream_session.ts";

/** What a {@linkcode DatagramService} is made of. */
export interface DatagramServiceOptions {
  /** The sockets that answer for each other, each in a role of its own. */
  readonly group: readonly DatagramListener[];
  /** Decides the answers. */
  readonly responder: StunResponder;
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
  readonly traffic: Traffic = { received: 0, sent: 0 };
  /** Decides the answers; may be exchanged while the service runs. */
  responder: StunResponder;
  readonly #options: DatagramServiceOptions;
  readonly #sockets: ReadonlyMap<EndpointRole, DatagramTransport>;
  #loops: Promise<unknown> = Promise.resolve();

  /** Takes the sockets over; they are closed with the service. */
  constructor(options: DatagramServiceOptions) {
    this.#options = options;
    this.responder = options.responder;
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
    for (;;) {
      const batch = await endpoint.socket.receive();
      if (batch.length === 0) return;
      // The answers are handed over one by one so that each leaves from the socket it names. They
      // are not awaited: an answer's bytes are its own, and UDP promises no order
      for (const datagram of batch) this.#answer(datagram, endpoint);
    }
  }

  #answer(datagram: Datagram, endpoint: DatagramListener): void {
    const { clock, logger, observe } = this.#options;
    try {
      const { bytes, peer } = datagram;
      this.traffic.received += bytes.length;
      const now = clock.now();
      const wallTime = clock.wallTime();
      const reply = this.responder.handle({ bytes, source: peer, endpoint, now, wallTime });
      if (reply === undefined) return;
      const socket = this.#sockets.get(reply.via) ?? endpoint.socket;
      this.traffic.sent += reply.bytes.length;
      socket.send([{ bytes: reply.bytes, peer: reply.destination }]).catch((error) => {
        logger.error("cannot send an answer", { error });
      });
      observe?.((clock.now() - now) / 1000);
    } catch (error) {
      // A mistake of ours with one datagram must not silence the others
      logger.error("cannot answer a datagram", { error });
    }
  }
}
