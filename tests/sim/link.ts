import type { SimRandom } from "./sim_random.ts";

/** How a link treats the packets that cross it, each on its own and in either direction. */
export interface LinkOptions {
  /** The probability that a packet is lost, 0 to 1. @default {0} */
  readonly loss?: number;
  /** ms that every packet takes. @default {10} */
  readonly delayMs?: number;
  /** ms that a packet takes longer at the most, drawn evenly; enough of it reorders. @default {0} */
  readonly jitterMs?: number;
  /** The probability that a packet is held back, so that later ones overtake it. @default {0} */
  readonly reordering?: number;
  /** ms for which such a packet is held back. @default {50} */
  readonly reorderingMs?: number;
  /** The probability that a packet arrives twice, 0 to 1. @default {0} */
  readonly duplication?: number;
}

/** What packets cross: it loses, delays, reorders and doubles them. */
export class Link {
  readonly #options: Required<LinkOptions>;

  /**
   * Makes a link.
   *
   * @throws {RangeError} If a probability is not 0 to 1 or a duration is not a finite number of 0 or more.
   */
  constructor(options: LinkOptions) {
    this.#options = { ...PERFECT, ...options };
    for (const [name, value] of Object.entries(this.#options)) {
      const most = name.endsWith("Ms") ? Number.MAX_SAFE_INTEGER : 1;
      if (!(value >= 0 && value <= most)) {
        throw new RangeError(`Cannot make a link: ${name} is ${value}, wanted 0 to ${most}`);
      }
    }
  }

  /** How long each copy of a packet takes, in ms; none if the packet is lost. */
  transit(random: SimRandom): readonly number[] {
    const { loss, duplication } = this.#options;
    if (random.chance(loss)) return [];
    const first = this.#delay(random);
    return random.chance(duplication) ? [first, this.#delay(random)] : [first];
  }

  #delay(random: SimRandom): number {
    const { delayMs, jitterMs, reordering, reorderingMs } = this.#options;
    const jitter = jitterMs > 0 ? random.unit() * jitterMs : 0;
    return delayMs + jitter + (random.chance(reordering) ? reorderingMs : 0);
  }
}

const PERFECT: Required<LinkOptions> = {
  loss: 0,
  delayMs: 10,
  jitterMs: 0,
  reordering: 0,
  reorderingMs: 50,
  duplication: 0,
};
