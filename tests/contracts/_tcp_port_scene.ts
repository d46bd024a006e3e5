import { assertEquals } from "@std/assert";
import {
  connectTcp,
  listenTcp,
  type SharedTcpPort,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { parseIp, socketAddress } from "../../lib/wire/mod.ts";
import { readBytes } from "../support/stream_bytes.ts";

/** Both ends of a connection. */
export interface Meeting {
  /** The shared port's. */
  readonly mine: StreamConnection;
  /** The other one. */
  readonly theirs: StreamConnection;
}

/** A shared port and those that it has to do with, all of them closed with the block. */
export class Scene implements AsyncDisposable {
  readonly port: SharedTcpPort;
  readonly #kept: { close(): void }[] = [];

  constructor(port: SharedTcpPort) {
    this.port = port;
  }

  keep<T extends { close(): void }>(one: T): T {
    this.#kept.push(one);
    return one;
  }

  /**
   * Somebody who listens, by default at an address of its own: at 127.0.0.1 the system might give it a
   * port to which another test's socket with this port's number is, or was a moment ago, connected.
   */
  peer(host = ownLoopback()): StreamListener {
    return this.keep(listenTcp({ ip: ip(host), port: 0 }));
  }

  /** Connects from the port. */
  async meet(peer: StreamListener, signal?: AbortSignal): Promise<Meeting> {
    const [mine, theirs] = await Promise.all([
      this.port.connect(peer.localAddress, { signal }),
      peer.accept(),
    ]);
    return { mine: this.keep(mine), theirs: this.keep(theirs!) };
  }

  /** Connects to the port. */
  async visit(host = "127.0.0.1"): Promise<Meeting> {
    const address = socketAddress(ip(host), this.port.localAddress.port);
    const [mine, theirs] = await Promise.all([this.port.accept(), connectTcp(address)]);
    return { mine: this.keep(mine!), theirs: this.keep(theirs) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.port.close();
    for (const one of this.#kept) one.close();
    return Promise.resolve();
  }
}

/** Asserts that bytes come through both ways, and nothing else. */
export async function exchange({ mine, theirs }: Meeting): Promise<void> {
  await Promise.all([mine.write(Uint8Array.of(1, 2)), theirs.write(Uint8Array.of(3))]);
  assertEquals(await readBytes(theirs, 2), [1, 2]);
  assertEquals(await readBytes(mine, 1), [3]);
}

/** The bytes of an IP address. */
export function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

/** One of the sixteen million addresses of loopback, of which Linux has all. */
function ownLoopback(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${a}.${b}.${1 + c! % 254}`;
}
