import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import {
  connectTcp,
  listenTcp,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { type SocketAddress, socketAddress } from "../../lib/wire/mod.ts";

/** A listener whose queue is full: on Linux it does not answer. */
export class SilentPeer implements AsyncDisposable {
  /** Where it does not answer. */
  readonly address: SocketAddress;
  readonly #listener: StreamListener;
  readonly #crowd: StreamConnection[];

  private constructor(listener: StreamListener, crowd: StreamConnection[]) {
    this.address = listener.localAddress;
    this.#listener = listener;
    this.#crowd = crowd;
  }

  /** Listens, and fills the queue. */
  static async open(): Promise<SilentPeer> {
    const listener = listenTcp({ ip: LOOPBACK, port: 0, backlog: 1 });
    const crowd: StreamConnection[] = [];
    for (let full = false; !full;) {
      const signal = AbortSignal.timeout(100);
      const attempt = connectTcp(listener.localAddress, { signal });
      await attempt.then((connection) => crowd.push(connection), () => full = true);
    }
    return new SilentPeer(listener, crowd);
  }

  /** Closes all of it. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const one of [...this.#crowd, this.#listener]) one.close();
    return Promise.resolve();
  }
}

/** Accepts one connection, which the test can reset: `Deno.listen` gives none that can be. */
export class ResettingPeer implements AsyncDisposable {
  /** Where it listens. */
  readonly address: SocketAddress;
  /** The connection, once there is one. */
  readonly accepted: Promise<Socket>;
  readonly #close: () => Promise<void>;

  private constructor(port: number, accepted: Promise<Socket>, close: () => Promise<void>) {
    this.address = socketAddress(LOOPBACK, port);
    this.accepted = accepted;
    this.#close = close;
  }

  /** Listens. */
  static async open(): Promise<ResettingPeer> {
    const server = createServer({ allowHalfOpen: true });
    const accepted = once(server, "connection").then(([socket]) => {
      (socket as Socket).on("error", () => {});
      return socket as Socket;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    return new ResettingPeer(port, accepted, async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    });
  }

  /** Closes all of it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
