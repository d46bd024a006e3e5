import { concat } from "@std/bytes";

/** Random numbers that a seed repeats (mulberry32, public domain). */
export class SeededRandom {
  #state: number;

  /** Takes a seed of 32 bits. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** So many random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** A request that a stranger may have sent: a valid one, damaged in one to four ways. */
export function mutatedMessage(random: SeededRandom): Uint8Array<ArrayBuffer> {
  let message: Uint8Array<ArrayBuffer> = random.pick(SEEDS).slice();
  for (let count = 1 + random.below(4); count > 0; count--) {
    message = random.pick(MUTATIONS)(message, random);
  }
  return message.subarray(0, MAX_BYTES);
}

/** What a stranger may write to a stream: one to six messages, half of them damaged. */
export function mutatedStream(random: SeededRandom): Uint8Array<ArrayBuffer> {
  const messages = Array.from(
    { length: 1 + random.below(6) },
    () => random.below(2) === 0 ? mutatedMessage(random) : random.pick(SEEDS),
  );
  return concat(messages);
}

type Mutation = (message: Uint8Array<ArrayBuffer>, random: SeededRandom) => Uint8Array<ArrayBuffer>;

const MUTATIONS: readonly Mutation[] = [
  function flipOneBit(message, random) {
    if (message.length > 0) message[random.below(message.length)]! ^= 1 << random.below(8);
    return message;
  },
  function setOneByte(message, random) {
    if (message.length > 0) message[random.below(message.length)] = random.pick([0, 127, 128, 255]);
    return message;
  },
  function cut(message, random) {
    return message.slice(0, random.below(message.length + 1));
  },
  function lieAboutTheMessageLength(message, random) {
    return write16(message, 2, random.pick([0, 3, 4, message.length, 0xfffc, random.below(65536)]));
  },
  function lieAboutAnAttributeLength(message, random) {
    const at = 22 + 4 * random.below(Math.max(1, message.length >> 2));
    return write16(message, at, random.pick([0, 1, 3, 0xffff, random.below(64)]));
  },
  function renameAnAttribute(message, random) {
    const at = 20 + 4 * random.below(Math.max(1, message.length >> 2));
    return write16(message, at, random.pick([random.below(0x30), 0x8000 + random.below(0x30)]));
  },
  function addAnAttribute(message, random) {
    const length = random.below(40);
    const attribute = concat([
      new Uint8Array([random.pick([0, 0x80, 0xc0]), random.below(256), 0, length]),
      random.bytes((length + 3) & ~3),
    ]);
    const longer = concat([message, attribute]);
    return write16(longer, 2, longer.length - 20);
  },
  function changeTheMethodOrClass(message, random) {
    return write16(message, 0, random.below(0x4000));
  },
  function addGarbage(message, random) {
    return concat([message, random.bytes(random.below(200))]);
  },
  function repeatTheAttributes(message, random) {
    const copies = Array.from({ length: 1 + random.below(20) }, () => message.subarray(20));
    const longer = concat([message, ...copies]);
    return write16(longer, 2, longer.length - 20);
  },
  function replaceEverything(_, random) {
    return random.bytes(random.below(random.pick([8, 64, 1_500])));
  },
];

function write16(message: Uint8Array<ArrayBuffer>, at: number, value: number): typeof message {
  if (at + 2 <= message.length) {
    new DataView(message.buffer, message.byteOffset).setUint16(at, value);
  }
  return message;
}

// More than a server that caps a message at 2,048 bytes takes, less than a loopback frame.
const MAX_BYTES = 4_096;

const SEEDS: readonly Uint8Array<ArrayBuffer>[] = [
  // A Binding request with nothing in it, of RFC 8489 and of RFC 3489.
  "000100002112a442b7e7a701bc34d686fa87dfae",
  "0001000041424344b7e7a701bc34d686fa87dfae",
  // RFC 5780: CHANGE-REQUEST, RESPONSE-PORT, PADDING.
  "000100082112a442b7e7a701bc34d686fa87dfae0003000400000006",
  "000100082112a442b7e7a701bc34d686fa87dfae0027000412340000",
  "0001000c2112a442b7e7a701bc34d686fa87dfae002600080000000000000000",
  // A Binding indication and a Binding success response.
  "001100002112a442b7e7a701bc34d686fa87dfae",
  "0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643",
  // RFC 5769 2.1: SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT.
  "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74" +
  "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70c" +
  "bfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
].map((hex) => Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16)));
