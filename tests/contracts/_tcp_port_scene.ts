import { assertEquals } from "@std/assert";
import {
  connectTcp,
  listenTcp,
  LocalPortError,
  type SharedTcpPort,
  type StreamConnection,
  type StreamListener,
} from "../../lib/transport/mod.ts";
import { formatIp, parseIp, socketAddress } from "../../lib/wire/mod.ts";
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

  /** Somebody who listens. */
  peer(host = "127.0.0.1"): StreamListener {
    return this.keep(listenTcp({ ip: ip(host), port: 0 }));
  }

  /**
   * Connects from the port. The system may have given both sides ports that two sockets of an earlier
   * test had, whose pair it keeps for a minute (TIME_WAIT): then to another peer.
   */
  async meet(peer: StreamListener, signal?: AbortSignal): Promise<Meeting> {
    try {
      return await this.#meet(peer, signal);
    } catch (error) {
      if (!(error instanceof LocalPortError && error.problem === "pair-in-use")) throw error;
      return await this.#meet(this.peer(formatIp(peer.localAddress.ip)), signal);
    }
  }

  async #meet(peer: StreamListener, signal: AbortSignal | undefined): Promise<Meeting> {
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
