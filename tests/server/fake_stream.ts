import {
  ConnectionError,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import type { SocketAddress } from "../../lib/wire/mod.ts";
import { address } from "../protocol/binding_cases.ts";

/** A connection whose other end is the test. */
export class FakeConnection implements StreamConnection {
  readonly localAddress: SocketAddress = address("198.51.100.1:3478");
  readonly remoteAddress: SocketAddress;
  /** What the owner did: `write N` (bytes), `fin`, `close`. */
  readonly events: string[] = [];
  /** The bytes of each write. */
  readonly writes: Uint8Array[] = [];
  readonly #incoming: (Uint8Array | Error | undefined)[] = [];
  // As a real one does, it reads into one buffer again and again
  readonly #buffer = new Uint8Array(65_536);
  readonly #changed = new Signal();
  #reading: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #writing: PromiseWithResolvers<void> | undefined;
  #takesWrites = true;
  #failFin = false;
  #closed = false;

  /** A connection from this address. */
  constructor(remoteAddress = "192.0.2.1:32853") {
    this.remoteAddress = address(remoteAddress);
  }

  /** Whether its owner has closed it. */
  get closed(): boolean {
    return this.#closed;
  }

  /** All that was written, joined. */
  get written(): string {
    return this.writes.map((bytes) => bytes.toHex()).join("");
  }

  /** The peer sends bytes, its FIN (`undefined`), or breaks the connection. */
  give(...chunks: readonly (Uint8Array | Error | undefined)[]): void {
    this.#incoming.push(...chunks);
    this.#deliver();
  }

  /** From now on the peer takes no bytes: writes stay pending. */
  stopTaking(): void {
    this.#takesWrites = false;
  }

  /** The peer takes bytes again. */
  resumeTaking(): void {
    this.#takesWrites = true;
    this.#writing?.resolve();
    this.#writing = undefined;
  }

  /** The write that is pending fails, and reading goes on: the peer has closed before it was done. */
  breakWrite(): void {
    this.#writing?.reject(new ConnectionError("Cannot write: reset", { code: "reset" }));
    this.#writing = undefined;
  }

  /** The connection breaks when the owner sends FIN. */
  breakAtFin(): void {
    this.#failFin = true;
  }

  /** Resolves when the owner waits for bytes and none are left. */
  async untilReading(): Promise<void> {
    while (this.#reading === undefined) await this.#changed.wait();
  }

  /** Resolves when a write of the owner waits for the peer. */
  async untilWriting(): Promise<void> {
    while (this.#writing === undefined) await this.#changed.wait();
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    if (this.#reading !== undefined) throw new TypeError("read() was called twice at a time");
    const { promise } = this.#reading = Promise.withResolvers();
    this.#deliver();
    this.#changed.send();
    return promise;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw new ConnectionError("Cannot write: closed", { code: "closed" });
    this.events.push(`write ${bytes.length}`);
    if (!this.#takesWrites) {
      this.#writing = Promise.withResolvers();
      this.#changed.send();
      await this.#writing.promise;
    }
    this.writes.push(bytes.slice());
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.events.push("fin");
    return this.#failFin
      ? Promise.reject(new ConnectionError("Cannot end: reset", { code: "reset" }))
      : Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.events.push("close");
    this.#reading?.resolve(undefined);
    this.#writing?.reject(new ConnectionError("Cannot write: closed", { code: "closed" }));
    this.#reading = this.#writing = undefined;
  }

  #deliver(): void {
    if (this.#reading === undefined || this.#incoming.length === 0) return;
    const { resolve, reject } = this.#reading;
    const next = this.#incoming.shift();
    this.#reading = undefined;
    if (next === undefined) return resolve(undefined);
    if (next instanceof Error) return reject(next);
    this.#buffer.fill(0xff);
    this.#buffer.set(next);
    resolve(this.#buffer.subarray(0, next.length));
  }
}

/** A listener that the test connects to. */
export class FakeListener implements StreamListener {
  readonly localAddress: SocketAddress = address("198.51.100.1:3478");
  /** Whether its owner has closed it. */
  closed = false;
  readonly #incoming: (StreamConnection | Error)[] = [];
  readonly #changed = new Signal();
  #accepting: PromiseWithResolvers<StreamConnection | undefined> | undefined;

  /** A connection comes in, or cannot be accepted. */
  give(...connections: readonly (StreamConnection | Error)[]): void {
    this.#incoming.push(...connections);
    this.#deliver();
  }

  /** Resolves when the owner waits for a connection and none is left. */
  async untilAccepting(): Promise<void> {
    while (this.#accepting === undefined) await this.#changed.wait();
  }

  accept(): Promise<StreamConnection | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    const { promise } = this.#accepting = Promise.withResolvers();
    this.#deliver();
    this.#changed.send();
    return promise;
  }

  close(): void {
    this.closed = true;
    this.#accepting?.resolve(undefined);
    this.#accepting = undefined;
  }

  #deliver(): void {
    if (this.#accepting === undefined || this.#incoming.length === 0) return;
    const { resolve, reject } = this.#accepting;
    const next = this.#incoming.shift()!;
    this.#accepting = undefined;
    if (next instanceof Error) reject(next);
    else resolve(next);
  }
}

/** Wakes all who wait for a change. */
class Signal {
  #waiting: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
