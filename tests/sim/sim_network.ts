import { Link, type LinkOptions } from "./link.ts";
import { NatBox, type NatBoxOptions } from "./nat_box.ts";
import { Segment, type SimWorld } from "./segment.ts";
import { SimHost, type SimHostOptions } from "./sim_host.ts";
import { SimRandom } from "./sim_random.ts";
import { VirtualTime } from "./virtual_time.ts";

/** How a {@linkcode SimNetwork} is made. */
export interface SimNetworkOptions {
  /** Decides everything that is left to chance: a safe integer. @default {0} */
  readonly seed?: number;
  /** The public network: what a packet crosses from one public address to another. @default {{}} */
  readonly link?: LinkOptions;
  /**
   * Takes one line for every packet that arrives somewhere, is lost or is stopped, and for every
   * mapping that a NAT makes.
   *
   * @default {undefined} nobody
   */
  readonly trace?: ((line: string) => void) | undefined;
}

/** Where a host or a NAT is to stand. */
export interface SimPlace {
  /** The NAT on whose inside it stands. @default {undefined} on the public network */
  readonly behind?: NatBox | undefined;
}

/**
 * A network in memory, with a clock of its own that moves only when it is told to. Nothing in it is
 * asynchronous, and the same seed gives the same run, packet by packet.
 */
export class SimNetwork implements SimWorld {
  /** The one source of chance. */
  readonly random: SimRandom;
  /** Takes the trace. */
  readonly trace: ((line: string) => void) | undefined;
  readonly #time = new VirtualTime();
  readonly #public: Segment;
  #hosts = 0;
  #nats = 0;

  /**
   * Makes a network with nobody on it, at 0 ms.
   *
   * @throws {RangeError} If the seed or a property of the link is out of range.
   */
  constructor(options: SimNetworkOptions = {}) {
    this.random = new SimRandom(options.seed ?? 0);
    this.trace = options.trace;
    this.#public = new Segment(this, { link: new Link(options.link ?? {}) });
  }

  /** ms since the network was made. */
  get now(): number {
    return this.#time.now;
  }

  /** When something happens next, in ms; undefined if nothing will. */
  get next(): number | undefined {
    return this.#time.next;
  }

  /**
   * Calls `callback` in `ms`. Returns what calls the timer off.
   *
   * @throws {RangeError} If `ms` is not a finite number of 0 or more.
   */
  setTimer(ms: number, callback: () => void): () => void {
    return this.#time.setTimer(ms, callback);
  }

  /** Lets the next thing happen. Returns whether there was one. */
  step(): boolean {
    return this.#time.step();
  }

  /** Lets everything happen up to `untilMs`; then it is `untilMs`. */
  run(untilMs: number): void {
    this.#time.run(untilMs);
  }

  /** Lets things happen until `done` says so, or until `limitMs`. Returns whether it was done. */
  runUntil(done: () => boolean, limitMs: number): boolean {
    return this.#time.runUntil(done, limitMs);
  }

  /**
   * Puts a host on the public network or behind a NAT.
   *
   * @throws {RangeError} If it has no IP address, or one that is malformed or taken there.
   */
  addHost(options: SimHostOptions & SimPlace): SimHost {
    const name = options.name ?? `host-${++this.#hosts}`;
    return new SimHost(this, { ...options, name, segment: this.#segmentOf(options) });
  }

  /**
   * Puts a NAT on the public network or behind another NAT, as a provider's (CGN) is one in front of
   * its customers'.
   *
   * @throws {RangeError} If an external IP address is malformed or taken, or a port or a duration is
   * out of range.
   */
  addNat(options: NatBoxOptions & SimPlace): NatBox {
    const name = options.name ?? `nat-${++this.#nats}`;
    return new NatBox(this, { ...options, name, outside: this.#segmentOf(options) });
  }

  #segmentOf({ behind }: SimPlace): Segment {
    return behind?.inside ?? this.#public;
  }
}
