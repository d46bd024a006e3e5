import type { Datagram, DatagramTransport } from "../../lib/transport/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { IPV4_GROUP } from "../protocol/binding_cases.ts";

/** A socket that receives what the test gives it. */
export class FakeDatagrams implements DatagramTransport {
  readonly localAddress = IPV4_GROUP.primary;
  readonly io = "deno";
  readonly sendFailures = 0;
  /** What was sent: how many bytes, and where to. */
  readonly sent: { readonly bytes: number; readonly to: string }[] = [];
  /** How often that was asked for. */
  calls = 0;
  /** Whether its owner has closed it. */
  closed = false;
  /** Whether sending rejects. */
  fails = false;
  #receiving = Promise.withResolvers<readonly Datagram[]>();
  #asked = Promise.withResolvers<void>();

  /** A batch comes in; resolves when its receiver wants the next. */
  async give(batch: readonly Datagram[]): Promise<void> {
    await this.#asked.promise;
    this.#asked = Promise.withResolvers();
    this.#receiving.resolve(batch);
    await this.#asked.promise;
  }

  receive(): Promise<readonly Datagram[]> {
    this.#receiving = Promise.withResolvers();
    this.#asked.resolve();
    return this.#receiving.promise;
  }

  send(datagrams: readonly Datagram[]): Promise<void> {
    this.calls++;
    if (this.fails) return Promise.reject(new Error("no way"));
    for (const { bytes, peer } of datagrams) {
      this.sent.push({ bytes: bytes.length, to: formatSocketAddress(peer) });
    }
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
    this.#receiving.resolve([]);
  }
}
