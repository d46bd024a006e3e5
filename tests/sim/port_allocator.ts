import type { NatBehavior } from "./nat_behavior.ts";
import type { SimRandom } from "./sim_random.ts";

/** The part of a {@linkcode NatBehavior} that is about ports. */
export type PortAllocatorOptions = Pick<
  Required<NatBehavior>,
  "portAllocation" | "firstPort" | "portStep" | "portParity"
>;

/** Chooses external ports (RFC 4787 section 4.2). */
export class PortAllocator {
  readonly #options: PortAllocatorOptions;
  readonly #random: SimRandom;
  #nextPort: number;

  /** Makes an allocator that has given no port away. */
  constructor(options: PortAllocatorOptions, random: SimRandom) {
    this.#options = options;
    this.#random = random;
    this.#nextPort = options.firstPort;
  }

  /** An external port for an internal one; undefined if none is free. */
  allocate(internalPort: number, isFree: (port: number) => boolean): number | undefined {
    const { portAllocation, portStep, portParity } = this.#options;
    const fits = (port: number) => (!portParity || (port ^ internalPort) % 2 === 0) && isFree(port);
    if (portAllocation === "preserving") {
      return isFree(internalPort) ? internalPort : scan(internalPort + 1, 1, fits);
    }
    if (portAllocation === "random") {
      return scan(this.#random.integer(FIRST_PORT, LAST_PORT), 1, fits);
    }
    const port = scan(this.#nextPort, portStep, fits);
    if (port !== undefined) this.#nextPort = port + portStep;
    return port;
  }
}

/** The first port that fits, from `start` upward in steps and round to the start of the range. */
function scan(
  start: number,
  step: number,
  fits: (port: number) => boolean,
): number | undefined {
  const offset = Math.max(start, FIRST_PORT) - FIRST_PORT;
  for (let tried = 0; tried < PORTS; tried++) {
    const way = tried * step;
    // One further on each round, or steps of 2 would never come to half of the ports
    const port = FIRST_PORT + (offset + way + Math.floor(way / PORTS)) % PORTS;
    if (fits(port)) return port;
  }
  return undefined;
}

// RFC 4787 REQ-3: ports of 1024 and above are not mapped to those below
const FIRST_PORT = 1024;
const LAST_PORT = 65535;
const PORTS = LAST_PORT - FIRST_PORT + 1;
