import { ipInPrefix, type IpPrefix } from "./ip_prefix.ts";
import { checkTokenBucketOptions, type TokenBucketOptions } from "./token_bucket.ts";

/** What a {@linkcode RateLimiter} allows each source. */
export interface RateLimiterOptions extends TokenBucketOptions {
  /**
   * How many sources are remembered: a power of two, at least 8. One slot takes 16 bytes.
   *
   * @default {65536}
   */
  readonly slots?: number;
  /**
   * Blocks of addresses that are never limited and never remembered.
   *
   * @default {[]}
   */
  readonly exempt?: readonly IpPrefix[];
  /**
   * A secret random integer of 0 to 2^53 - 1, from which the hash of the table is made. A server
   * draws it at its start, so that nobody can choose addresses that fall into one set.
   *
   * @default {0}
   */
  readonly seed?: number;
  /** The table of another limiter, from {@linkcode RateLimiter.share}, to count together with it. */
  readonly memory?: SharedArrayBuffer;
}

/**
 * A token bucket per source, in fixed memory. A source is an IPv4 address or an IPv6 /64, which is
 * what one subscriber has at the least. A source that was never seen has a full bucket.
 *
 * The table is split into sets of 8 slots, and the hash of a source names its set. A new source takes
 * the fullest bucket of its set. A full bucket says no more than an absent one, so nothing is lost by
 * that as long as one of the 8 has had the time to refill. A flood from very many sources can
 * therefore do one thing: it can make the table forget a source. A source that is forgotten gets a
 * fresh burst: it is never refused on account of others. And because the fullest bucket goes first, the
 * forgotten ones are those that behaved; a source over its limit is forgotten only when the 7 others of
 * its set have spent more still.
 *
 * Limiters on several threads can share one table. They take no locks, so the limit is approximate: two
 * that count at the very same moment may count one request for two, and one that gives a bucket to a new
 * source while another counts in it may leave it that count, or have it forgotten. Each such meeting is
 * worth a token, or at worst a bucket of a set that is full of sources at their limit.
 */
export class RateLimiter {
  /** The memory of the table, in bytes. It never changes. */
  readonly byteLength: number;
  readonly #ratePerSecond: number;
  readonly #burst: number;
  readonly #exempt: readonly IpPrefix[];
  readonly #setMask: number;
  /** Two words per slot: the source. Slots start as `::/64` with a full bucket, which is harmless. */
  #keys: Uint32Array;
  /**
   * One number per slot: when its bucket is full again, counted in tokens as in TokenBucket. It begins
   * with 0, which has gone by whatever the time is, so that no memory is touched before it is needed.
   */
  #fullAt: Float64Array;
  readonly #options: RateLimiterOptions;
  readonly #hashTables: Uint32Array;

  /**
   * Makes a limiter in which every source has a full bucket.
   *
   * @throws {RangeError} If the rate is not above 0, the burst is below 1, `slots` is not a power of
   * two of 8 or more (at most 2^24), `seed` is not an integer of 0 to 2^53 - 1, or `memory` is the
   * table of another number of slots.
   */
  constructor(options: RateLimiterOptions) {
    checkTokenBucketOptions("Cannot make a rate limiter", options);
    const { slots = DEFAULT_SLOTS, exempt = [], seed = 0 } = options;
    if (!(slots >= WAYS && slots <= MAX_SLOTS && Number.isInteger(Math.log2(slots)))) {
      throw new RangeError(
        `Cannot make a rate limiter: ${slots} slots, wanted a power of two of ${WAYS} to ${MAX_SLOTS}`,
      );
    }
    if (!(Number.isSafeInteger(seed) && seed >= 0)) {
      throw new RangeError(
        `Cannot make a rate limiter: the seed is ${seed}, wanted an integer of 0 to 2^53 - 1`,
      );
    }
    this.#ratePerSecond = options.ratePerSecond;
    this.#burst = options.burst;
    this.#exempt = exempt;
    const { memory } = options;
    if (memory !== undefined && memory.byteLength !== SLOT_BYTES * slots) {
      throw new RangeError(
        `Cannot make a rate limiter: the memory has ${memory.byteLength} bytes, ` +
          `wanted ${SLOT_BYTES * slots}`,
      );
    }
    this.#options = options;
    this.#setMask = slots / WAYS - 1;
    [this.#keys, this.#fullAt] = tableIn(memory ?? new ArrayBuffer(SLOT_BYTES * slots), slots);
    this.#hashTables = randomTables(seed);
    this.byteLength = this.#keys.byteLength + this.#fullAt.byteLength +
      this.#hashTables.byteLength;
  }

  /**
   * Takes a token of this source if there is one, and says whether there was. A refused request costs
   * nothing. `ip` is 4 or 16 bytes, already unmapped; `now` is in milliseconds, 0 or more, of a clock
   * that does not run backwards. It allocates nothing: it is asked for each packet.
   */
  allow(ip: Uint8Array, now: number): boolean {
    const exempt = this.#exempt;
    for (let i = 0; i < exempt.length; i++) if (ipInPrefix(ip, exempt[i]!)) return true;

    // An IPv4 source is ffff:ffff:a.b.c.d::/64: a multicast prefix, which no packet comes from.
    const isIpv6 = ip.length === 16;
    const high = isIpv6 ? word(ip, 0) : 0xffffffff;
    const low = isIpv6 ? word(ip, 4) : word(ip, 0);

    const slot = this.#slotOf(high, low);
    // The same arithmetic as TokenBucket.allow().
    const clock = (now * this.#ratePerSecond) / 1000;
    const fullAt = Math.max(this.#fullAt[slot]!, clock) + 1;
    if (fullAt - clock > this.#burst) return false;
    this.#fullAt[slot] = fullAt;
    return true;
  }

  /**
   * What another thread makes a limiter from that counts together with this one: plain data and the
   * table, which is moved to shared memory at the first call. The clocks of both must agree: where one is
   * ahead by 1 ms, it takes each bucket for fuller by what flows into it in 1 ms.
   */
  share(): RateLimiterOptions & { readonly memory: SharedArrayBuffer } {
    const { buffer } = this.#fullAt;
    if (buffer instanceof SharedArrayBuffer) return { ...this.#options, memory: buffer };
    const memory = new SharedArrayBuffer(buffer.byteLength);
    new Uint8Array(memory).set(new Uint8Array(buffer));
    [this.#keys, this.#fullAt] = tableIn(memory, this.#fullAt.length);
    return { ...this.#options, memory };
  }

  /** The slot of a source; a source that has none gets the one whose bucket is the fullest. */
  #slotOf(high: number, low: number): number {
    const keys = this.#keys;
    const first = (this.#hash(high, low) & this.#setMask) * WAYS;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (keys[2 * slot] === high && keys[2 * slot + 1] === low) return slot;
    }
    const times = this.#fullAt;
    let fullest = first;
    for (let slot = first + 1; slot < first + WAYS; slot++) {
      if (times[slot]! < times[fullest]!) fullest = slot;
    }
    keys[2 * fullest] = high;
    keys[2 * fullest + 1] = low;
    times[fullest] = 0;
    return fullest;
  }

  /**
   * Simple tabulation: one table of random words per byte of the source. Whoever does not know the
   * tables cannot aim: any three sources fall into sets independently of each other.
   */
  #hash(high: number, low: number): number {
    const tables = this.#hashTables;
    return tables[high >>> 24]! ^ tables[0x100 | ((high >>> 16) & 0xff)]! ^
      tables[0x200 | ((high >>> 8) & 0xff)]! ^ tables[0x300 | (high & 0xff)]! ^
      tables[0x400 | (low >>> 24)]! ^ tables[0x500 | ((low >>> 16) & 0xff)]! ^
      tables[0x600 | ((low >>> 8) & 0xff)]! ^ tables[0x700 | (low & 0xff)]!;
  }
}

/** The sources, then the times. */
function tableIn(
  memory: ArrayBufferLike,
  slots: number,
): [keys: Uint32Array, fullAt: Float64Array] {
  return [new Uint32Array(memory, 0, 2 * slots), new Float64Array(memory, 8 * slots, slots)];
}

function word(ip: Uint8Array, at: number): number {
  return ((ip[at]! << 24) | (ip[at + 1]! << 16) | (ip[at + 2]! << 8) | ip[at + 3]!) >>> 0;
}

/** Eight tables of 256 words from a seed, by the generator sfc32. */
function randomTables(seed: number): Uint32Array {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32);
  let c = 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next(); // until every bit of the seed has reached every word
  const tables = new Uint32Array(8 * 256);
  for (let i = 0; i < tables.length; i++) tables[i] = next();
  return tables;
}

/** 8 keys of 8 bytes are one cache line, and 8 times of 8 bytes another. */
const WAYS = 8;
const SLOT_BYTES = 16;
/** 1 MiB, for as many sources at a time as a public server sees refill: 65,536. */
const DEFAULT_SLOTS = 65_536;
/** 256 MiB: above that, it is a slip of the pen. */
const MAX_SLOTS = 2 ** 24;
