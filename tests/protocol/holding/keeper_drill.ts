import {
  type HoldEnd,
  MappingKeeper,
  type MappingKeeperOptions,
} from "../../../lib/protocol/holding/mod.ts";
import {
  formatSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from "../../../lib/wire/mod.ts";

/** The own address of the port in drills. */
export const OWN = "10.0.0.1:4000";

/** Moves a {@linkcode MappingKeeper} through time, and writes down what it wants and tells. */
export class KeeperDrill {
  readonly keeper: MappingKeeper;
  readonly #servers: readonly SocketAddress[];
  #now = 0;

  /** Makes a keeper of so many servers on as many addresses; keep-alive 25 s, no jitter. */
  constructor(servers: number, options: Partial<MappingKeeperOptions> = {}) {
    this.#servers = Array.from({ length: servers }, (_, i) => address(`192.0.2.${i + 1}:3478`));
    this.keeper = new MappingKeeper({
      servers: this.#servers,
      keepAliveMs: 25_000,
      randomBytes: (length) => new Uint8Array(length).fill(255),
      ...options,
    });
  }

  /** Moves time on, one wake after the other; returns what happened with the time in front. */
  pass(ms: number): string[] {
    const end = this.#now + ms;
    const lines: string[] = [];
    for (;;) {
      lines.push(...this.take().map((line) => `${this.#now} ${line}`));
      const next = this.keeper.nextWake();
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
    }
    this.#now = end;
    return lines;
  }

  /** What is to be done and told now. */
  take(): string[] {
    return this.keeper.steps(this.#now).map((step) => {
      switch (step.kind) {
        case "dial":
        case "ask":
          return `${step.kind} ${step.holder}`;
        case "refresh": {
          const previous = step.previous ? ` after ${formatSocketAddress(step.previous)}` : "";
          const own = step.found.by.own ? " own" : "";
          return `refresh ${formatSocketAddress(step.found.publicAddress)}${own}${previous}`;
        }
        case "lost":
          return `lost: ${step.reason}`;
        case "holder": {
          const { holder, state, afterMs, reason, redialMs } = step;
          const facts = [
            ...afterMs === undefined ? [] : [`after ${afterMs}`],
            ...reason === undefined ? [] : [reason],
            ...state === "closed" || state === "failed" ? [`redial ${redialMs}`] : [],
          ];
          return [`${holder} ${state}`, ...facts].join(", ");
        }
      }
    });
  }

  /** Connects one, asks it and has it see an address, all at once; returns what came of the answer. */
  meet(holder: number, reflexive: string): string[] {
    this.connect(holder);
    this.take();
    return this.answer(holder, reflexive);
  }

  connect(holder: number): void {
    this.keeper.connected(holder, this.#now);
  }

  fail(holder: number): string[] {
    this.keeper.failed(holder, "refused", this.#now);
    return this.take();
  }

  end(holder: number, end: HoldEnd = "by-server"): string[] {
    this.keeper.ended(holder, { end, reason: "it was closed" }, this.#now);
    return this.take();
  }

  answer(holder: number, reflexive?: string): string[] {
    const server = this.#servers[holder];
    this.keeper.answered(
      holder,
      server && reflexive
        ? {
          server,
          local: address(OWN),
          reflexive: address(reflexive),
          own: reflexive === OWN,
        }
        : undefined,
      this.#now,
    );
    return this.take();
  }
}

function address(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}
