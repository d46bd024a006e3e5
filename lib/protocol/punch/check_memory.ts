import { equalSocketAddresses, type SocketAddress } from "../../wire/mod.ts";

/**
 * From where each of the latest checks came. A side may send a check again, and a network may double
 * it, but neither gives it another source: what comes from elsewhere was recorded and sent by
 * somebody who has no part in this.
 */
export class CheckMemory {
  readonly #sources = new Map<string, SocketAddress>();

  /** Whether an authentic check has been seen from another source before. Remembers it if not. */
  isReplay(transactionId: Uint8Array, source: SocketAddress): boolean {
    const id = transactionId.toHex();
    const first = this.#sources.get(id);
    if (first !== undefined) return !equalSocketAddresses(first, source);
    const [oldest] = this.#sources.keys();
    if (this.#sources.size >= MOST_REMEMBERED) this.#sources.delete(oldest!);
    this.#sources.set(id, { ip: source.ip.slice(), port: source.port });
    return false;
  }
}

/** More checks than one side sends in 15 s, over all paths; only the other side itself can fill it. */
const MOST_REMEMBERED = 1_024;
