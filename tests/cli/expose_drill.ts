import type { ExposeEvent } from "../../lib/cli/expose_event.ts";
import { expose, type ExposeWorld } from "../../lib/cli/expose_session.ts";
import type { ExposeSettings } from "../../lib/cli/expose_settings.ts";
import { listenTcp, type StreamConnection } from "../../lib/transport/mod.ts";
import type { ListenPublicTcpOptions } from "../../lib/traversal/mod.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { FakePublicTcpListener, FakePublicUdpSocket } from "./fake_public_listener.ts";

const SETTINGS: ExposeSettings = {
  service: { host: "127.0.0.1", port: 8080 },
  servers: ["stun:stun.example"],
  transport: "tcp",
  family: undefined,
  localPort: undefined,
  keepAliveMs: undefined,
  keepAliveUrl: undefined,
  allow: [],
  maxConnections: undefined,
  onChange: undefined,
  webhook: undefined,
  json: true,
};

/** `expose()` of a TCP service at work, with a fake listener and a clock that stands still. */
export class Session implements AsyncDisposable {
  readonly listener = new FakePublicTcpListener<StreamConnection>();
  readonly clock = new VirtualClock();
  readonly stop = new AbortController();
  readonly events: ExposeEvent[] = [];
  readonly ended: Promise<void>;
  options: ListenPublicTcpOptions | undefined;
  #onEvent = () => {};

  constructor(
    { settings = {}, answer, hook, webhook, stopped = false }: {
      readonly settings?: Partial<ExposeSettings>;
      readonly answer?: FakePublicTcpListener<StreamConnection>["answer"];
      readonly hook?: ExposeWorld["hook"];
      readonly webhook?: ExposeWorld["webhook"];
      readonly stopped?: boolean;
    } = {},
  ) {
    if (answer !== undefined) this.listener.answer = answer;
    if (stopped) this.stop.abort("SIGTERM");
    this.ended = expose({ ...SETTINGS, ...settings }, {
      listenTcp: (options) => {
        this.options = options;
        return Promise.resolve(this.listener);
      },
      listenUdp: () => Promise.reject(new TypeError("not asked for")),
      clock: this.clock,
      signal: this.stop.signal,
      tell: (event) => {
        this.events.push(event);
        this.#onEvent();
      },
      hook,
      webhook,
    });
  }

  find(name: ExposeEvent["event"]): ExposeEvent | undefined {
    return this.events.find(({ event }) => event === name);
  }

  /** The `count`-th event of a name, told already or yet to come. */
  async until(name: ExposeEvent["event"], count = 1): Promise<ExposeEvent> {
    for (;;) {
      const found = this.events.filter(({ event }) => event === name)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#onEvent = resolve);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort("SIGINT");
    await this.ended;
  }
}

/** The same for UDP. */
export class UdpSession {
  readonly socket = new FakePublicUdpSocket();
  readonly stop = new AbortController();
  readonly events: ExposeEvent[] = [];
  readonly ended: Promise<void>;

  constructor(service: ExposeSettings["service"]) {
    this.ended = expose({ ...SETTINGS, service, transport: "udp" }, {
      listenTcp: () => Promise.reject(new TypeError("not asked for")),
      listenUdp: () => Promise.resolve(this.socket),
      clock: new VirtualClock(),
      signal: this.stop.signal,
      tell: (event) => void this.events.push(event),
    });
  }
}

/** A service on loopback that sends back what it is sent. */
export class Echo implements AsyncDisposable {
  readonly #listener = listenTcp({ ip: Uint8Array.of(127, 0, 0, 1), port: 0 });
  readonly #serving: Promise<void>;

  constructor() {
    this.#serving = this.#serve();
  }

  get target(): ExposeSettings["service"] {
    return { host: "127.0.0.1", port: this.#listener.localAddress.port };
  }

  async #serve(): Promise<void> {
    const connections: Promise<void>[] = [];
    for (;;) {
      const connection = await this.#listener.accept();
      if (connection === undefined) break;
      connections.push(this.#echo(connection));
    }
    await Promise.all(connections);
  }

  async #echo(connection: StreamConnection): Promise<void> {
    for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
      await connection.write(bytes);
    }
    connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}
