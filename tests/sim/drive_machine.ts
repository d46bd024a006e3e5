import type { SocketAddress } from "../../lib/wire/mod.ts";
import type { SimBindOptions, SimConnectOptions, SimHost, SimUdpSocket } from "./sim_host.ts";
import type { SimTcpListener } from "./sim_host.ts";
import type { SimTcpConnection, TcpCloseReason, TcpConnectOutcome } from "./tcp_connection.ts";

/** What a {@linkcode SimMachine} wants done. It names its sockets as it likes, each name once. */
export type SimAction =
  | (
    & { readonly kind: "open-udp"; readonly socket: string; readonly port?: number }
    & SimBindOptions
  )
  | {
    readonly kind: "send";
    readonly socket: string;
    readonly bytes: Uint8Array;
    readonly to: SocketAddress;
  }
  | ({ readonly kind: "connect-tcp"; readonly socket: string } & SimConnectOptions)
  | (
    & { readonly kind: "listen-tcp"; readonly socket: string; readonly port?: number }
    & SimBindOptions
  )
  | { readonly kind: "write"; readonly socket: string; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly socket: string }
  | { readonly kind: "close"; readonly socket: string };

/** What a {@linkcode SimMachine} is told. */
export type SimEvent =
  | { readonly kind: "opened"; readonly socket: string; readonly local: SocketAddress }
  | { readonly kind: "open-failed"; readonly socket: string; readonly error: RangeError }
  | {
    readonly kind: "received";
    readonly socket: string;
    readonly bytes: Uint8Array;
    readonly source: SocketAddress;
  }
  | { readonly kind: "outcome"; readonly socket: string; readonly outcome: TcpConnectOutcome }
  | {
    readonly kind: "accepted";
    /** The socket that listens. */
    readonly listener: string;
    /** The name of the new connection: the listener's, a slash and a number. */
    readonly socket: string;
    readonly remote: SocketAddress;
  }
  | { readonly kind: "read"; readonly socket: string; readonly bytes: Uint8Array }
  | { readonly kind: "ended"; readonly socket: string }
  | { readonly kind: "closed"; readonly socket: string; readonly reason: TcpCloseReason };

/** Something that decides without doing: it asks for actions, is told events, and has no clock. */
export interface SimMachine {
  /**
   * Everything that it wants done now, in order; asked at the start, when the time that `nextWake`
   * gave has come and after every event, again and again until it wants nothing.
   */
  poll(now: number): readonly SimAction[];
  /** Tells it what has happened. */
  handle(event: SimEvent, now: number): void;
  /** When it wants to be polled next though nothing may have happened, in ms; undefined for never. */
  nextWake(): number | undefined;
}

/** A machine that is being driven. */
export interface MachineDrive {
  /** Closes all sockets and calls the machine no more. */
  close(): void;
}

/**
 * Carries out what a machine wants on a host, and tells it what comes of that. What a machine wants
 * of a socket that is gone is passed over.
 *
 * @throws {Error} If the machine never stops wanting more at one moment.
 */
export function driveMachine(host: SimHost, machine: SimMachine): MachineDrive {
  const drive = new Driver(host, machine);
  drive.pump();
  return { close: () => drive.close() };
}

class Driver {
  readonly #host: SimHost;
  readonly #machine: SimMachine;
  readonly #udp = new Map<string, SimUdpSocket>();
  readonly #listeners = new Map<string, SimTcpListener>();
  readonly #connections = new Map<string, SimTcpConnection>();
  readonly #events: SimEvent[] = [];
  #pumping = false;
  #closed = false;
  #cancel: () => void = () => {};

  constructor(host: SimHost, machine: SimMachine) {
    this.#host = host;
    this.#machine = machine;
  }

  /** Until nobody has anything to say: tells events, and does what is wanted. */
  pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    const { network } = this.#host;
    let rounds = 0;
    for (let resting = false; !resting && !this.#closed; rounds++) {
      if (rounds > MOST_ROUNDS) {
        throw new Error(`Cannot drive the machine: it wants more after ${rounds} rounds`);
      }
      for (const event of this.#events.splice(0)) this.#machine.handle(event, network.now);
      const actions = this.#machine.poll(network.now);
      for (const action of actions) this.#perform(action);
      resting = actions.length === 0 && this.#events.length === 0;
    }
    this.#pumping = false;
    this.#cancel();
    const next = this.#closed ? undefined : this.#machine.nextWake();
    if (next === undefined || next === Infinity) return;
    this.#cancel = network.setTimer(Math.max(0, next - network.now), () => this.pump());
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const socket of this.#udp.values()) socket.close();
    for (const listener of this.#listeners.values()) listener.close();
    for (const connection of this.#connections.values()) connection.reset();
  }

  #tell(event: SimEvent): void {
    this.#events.push(event);
    this.pump();
  }

  #perform(action: SimAction): void {
    const { socket } = action;
    switch (action.kind) {
      case "send":
        return this.#udp.get(socket)?.send(action.bytes, action.to);
      case "write": {
        const connection = this.#connections.get(socket);
        if (connection !== undefined && connection.state !== "closed") {
          connection.send(action.bytes);
        }
        return;
      }
      case "end":
        return this.#connections.get(socket)?.end();
      case "close":
        return this.#closeOne(socket);
      default:
        return this.#open(action);
    }
  }

  #open(action: SimAction & { readonly kind: "open-udp" | "connect-tcp" | "listen-tcp" }): void {
    const name = action.socket;
    try {
      const local = this.#openOne(action);
      this.#tell({ kind: "opened", socket: name, local });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#tell({ kind: "open-failed", socket: name, error });
    }
  }

  #openOne(
    action: SimAction & { readonly kind: "open-udp" | "connect-tcp" | "listen-tcp" },
  ): SocketAddress {
    const name = action.socket;
    if (this.#udp.has(name) || this.#listeners.has(name) || this.#connections.has(name)) {
      throw new TypeError(`Cannot open ${name}: there is a socket of that name`);
    }
    switch (action.kind) {
      case "open-udp": {
        const socket = this.#host.openUdp(action.port, { ip: action.ip });
        this.#udp.set(name, socket);
        socket.onReceive = (bytes, source) =>
          this.#tell({ kind: "received", socket: name, bytes, source });
        return socket.local;
      }
      case "listen-tcp": {
        const listener = this.#host.listenTcp(action.port, { ip: action.ip });
        this.#listeners.set(name, listener);
        let accepted = 0;
        listener.onConnection = (connection) => {
          const socket = `${name}/${++accepted}`;
          this.#adopt(socket, connection);
          this.#tell({ kind: "accepted", listener: name, socket, remote: connection.remote });
        };
        return listener.local;
      }
      case "connect-tcp": {
        const connection = this.#host.connectTcp(action);
        this.#adopt(name, connection);
        return connection.local;
      }
    }
  }

  #adopt(name: string, connection: SimTcpConnection): void {
    this.#connections.set(name, connection);
    connection.onOutcome = (outcome) => {
      if (outcome !== "connected") this.#connections.delete(name);
      this.#tell({ kind: "outcome", socket: name, outcome });
    };
    connection.onReceive = (bytes) => this.#tell({ kind: "read", socket: name, bytes });
    connection.onEnd = () => this.#tell({ kind: "ended", socket: name });
    connection.onClose = (reason) => {
      this.#connections.delete(name);
      this.#tell({ kind: "closed", socket: name, reason });
    };
  }

  #closeOne(name: string): void {
    this.#udp.get(name)?.close();
    this.#udp.delete(name);
    this.#listeners.get(name)?.close();
    this.#listeners.delete(name);
    this.#connections.get(name)?.reset();
    this.#connections.delete(name);
  }
}

/** Far more than any machine needs at one moment. */
const MOST_ROUNDS = 10_000;
