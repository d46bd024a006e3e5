import { AF_INET, SOCKADDR_STRIDE } from "./_linux_sockets.ts";
import { HEADER_WORDS, LENGTH_WORD, type MessageSlab, NAME_WORDS } from "./_message_slab.ts";
import type { Datagram } from "./datagram_transport.ts";

/**
 * Datagrams that were received, as objects and views that are made once and used again for every
 * batch: a new view costs more than all that there is to read (40 ns, and a datagram takes two).
 */
export class ReceivedBatch {
  readonly #slab: MessageSlab;
  readonly #slots: readonly ReceivedDatagram[];
  /** The first so many of the slots. */
  readonly #firsts: (readonly Datagram[] | undefined)[] = [];

  /** Lays the objects over a slab. */
  constructor(slab: MessageSlab, family: number) {
    this.#slab = slab;
    this.#slots = Array.from(
      { length: slab.slots },
      (_, slot) => new ReceivedDatagram(slab, slot, family),
    );
  }

  /** The first `count` messages of the slab, valid until the next call. */
  read(count: number): readonly Datagram[] {
    const { headerWords } = this.#slab;
    for (let slot = 0; slot < count; slot++) {
      this.#slots[slot]!.read(headerWords[slot * HEADER_WORDS + LENGTH_WORD]!);
    }
    return this.#firsts[count] ??= this.#slots.slice(0, count);
  }
}

class ReceivedDatagram implements Datagram {
  bytes: Uint8Array;
  readonly peer: { ip: Uint8Array; port: number };
  readonly #slab: MessageSlab;
  readonly #slot: number;
  readonly #payloadAt: number;
  readonly #isIpv4: boolean;
  readonly #ipv4: Uint8Array;
  readonly #ipv6: Uint8Array;

  constructor(slab: MessageSlab, slot: number, family: number) {
    const at = slot * SOCKADDR_STRIDE;
    this.#slab = slab;
    this.#slot = slot;
    this.#payloadAt = slab.payloadAt(slot);
    this.#isIpv4 = family === AF_INET;
    const ipv4At = at + (this.#isIpv4 ? 4 : 20);
    this.#ipv4 = slab.names.subarray(ipv4At, ipv4At + 4);
    this.#ipv6 = slab.names.subarray(at + 8, at + 24);
    this.bytes = slab.payloads.subarray(this.#payloadAt, this.#payloadAt);
    this.peer = { ip: this.#ipv4, port: 0 };
  }

  read(length: number): void {
    const { names, nameWords, payloads } = this.#slab;
    // Most requests are as long as the one before
    if (this.bytes.length !== length) {
      this.bytes = payloads.subarray(this.#payloadAt, this.#payloadAt + length);
    }
    const word = this.#slot * NAME_WORDS;
    // ::ffff:a.b.c.d, which is how a dual-stack socket names IPv4
    const isIpv4 = this.#isIpv4 ||
      (nameWords[word + 4] === 0xffff0000 && nameWords[word + 3] === 0 &&
        nameWords[word + 2] === 0);
    this.peer.ip = isIpv4 ? this.#ipv4 : this.#ipv6;
    const at = this.#slot * SOCKADDR_STRIDE;
    this.peer.port = (names[at + 2]! << 8) | names[at + 3]!;
  }
}
