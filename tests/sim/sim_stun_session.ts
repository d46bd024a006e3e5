import type { DialBackOrder, EndpointRole, Reply } from "../../lib/protocol/mod.ts";
import { equalIps, StunStreamFramer } from "../../lib/wire/mod.ts";
import type { SimHost } from "./sim_host.ts";
import type { SimTcpConnection } from "./tcp_connection.ts";

/** What a {@linkcode SimStunSession} is made of. */
export interface SimStunSessionOptions {
  /** The connection to serve. */
  readonly connection: SimTcpConnection;
  /** The server's computer, which dials back. */
  readonly host: SimHost;
  /** The answer to one message. */
  readonly answer: (bytes: Uint8Array) => Reply | undefined;
  /** Makes of an answer to DIAL-BACK what the client gets. */
  readonly correct: (answer: Uint8Array) => Uint8Array;
  /** The server's IP address in a role. */
  readonly ipOf: (role: EndpointRole) => Uint8Array;
  /** Called when the connection is over. */
  readonly onClose: () => void;
}

/** One TCP connection to a simulated server: answers its messages in order, dial-backs included. */
export class SimStunSession {
  readonly #options: SimStunSessionOptions;
  readonly #framer = new StunStreamFramer();
  readonly #waiting: Uint8Array[] = [];
  #dialling = false;
  #ending = false;

  /** Takes the connection over. */
  constructor(options: SimStunSessionOptions) {
    this.#options = options;
    const { connection, onClose } = options;
    connection.onReceive = (bytes) => this.#receive(bytes);
    connection.onEnd = () => this.#end();
    connection.onClose = onClose;
  }

  /** Resets the connection. */
  close(): void {
    this.#options.connection.reset();
    this.#options.onClose();
  }

  #receive(bytes: Uint8Array): void {
    const { frames, failure } = this.#framer.push(bytes);
    this.#waiting.push(...frames);
    this.#serve();
    if (failure !== undefined) this.#end();
  }

  /** Ends this side once everything is answered. */
  #end(): void {
    this.#ending = true;
    this.#serve();
  }

  #serve(): void {
    const { connection, answer } = this.#options;
    while (!this.#dialling && connection.state === "open") {
      const frame = this.#waiting.shift();
      if (frame === undefined) {
        if (this.#ending) connection.end();
        return;
      }
      const reply = answer(frame);
      if (reply === undefined) continue;
      if (reply.dialBack === undefined) connection.send(reply.bytes);
      else this.#dial(reply.dialBack, reply.bytes);
    }
  }

  #dial(order: DialBackOrder, unsupported: Uint8Array): void {
    const { host, connection, correct, ipOf } = this.#options;
    const ip = ipOf(order.from);
    if (!host.ips.some((own) => equalIps(own, ip))) return connection.send(unsupported);
    this.#dialling = true;
    const begun = host.network.now;
    const dialled = host.connectTcp({ to: order.target, ip, timeoutMs: order.timeoutMs });
    dialled.onOutcome = (outcome) => {
      if (outcome === "connected") {
        dialled.send(order.greeting);
        dialled.end();
      }
      const elapsedMs = Math.round(host.network.now - begun);
      this.#dialling = false;
      if (connection.state !== "open") return;
      connection.send(correct(order.answer(outcome, elapsedMs)));
      this.#serve();
    };
  }
}
