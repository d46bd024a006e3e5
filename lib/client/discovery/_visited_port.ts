import type { Clock } from "../../ops/mod.ts";
import type { TcpNatVisit } from "../../protocol/discovery/mod.ts";
import { AcceptError, type StreamConnection, type StreamListener } from "../../transport/mod.ts";
import { GreetedConnection } from "../mod.ts";

/** What a {@linkcode VisitedPort} does with visitors. */
export interface VisitedPortOptions {
  /** Told of each, once its greeting is there or will not come. */
  readonly onVisit: (visit: TcpNatVisit) => void;
  /** Tells the time. */
  readonly clock: Clock;
}

/** A port that is listened on to see who comes: reads a greeting, answers nothing, closes. */
export class VisitedPort implements AsyncDisposable {
  readonly #listener: StreamListener;
  readonly #options: VisitedPortOptions;
  readonly #guests = new Set<StreamConnection>();
  readonly #receptions = new Set<Promise<void>>();
  readonly #open: Promise<void>;

  /** Takes a listener over. */
  constructor(listener: StreamListener, options: VisitedPortOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#open = this.#receive();
  }

  /** Stops listening and sends all visitors away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#open;
    for (const guest of this.#guests) guest.close();
    await Promise.all(this.#receptions);
  }

  async #receive(): Promise<void> {
    for (;;) {
      try {
        const guest = await this.#listener.accept();
        if (guest === undefined) return;
        if (this.#guests.size >= MAX_GUESTS) {
          guest.close();
          continue;
        }
        const reception = this.#greet(guest).finally(() => this.#receptions.delete(reception));
        this.#receptions.add(reception);
      } catch (error) {
        if (!(error instanceof AcceptError)) throw error;
        // Out of descriptors, say: whoever comes now is not seen, which is what will be reported
        if (!error.peerGaveUp) return;
      }
    }
  }

  async #greet(guest: StreamConnection): Promise<void> {
    this.#guests.add(guest);
    const cancel = this.#options.clock.setTimer(GREETING_MS, () => guest.close());
    const from = guest.remoteAddress;
    try {
      this.#options.onVisit({ from, greeting: await new GreetedConnection(guest).greeting() });
    } finally {
      cancel();
      guest.close();
      this.#guests.delete(guest);
    }
  }
}

/** A dial-back greets at once; a stranger who says nothing is not waited for. */
const GREETING_MS = 2000;

/** One is expected at a time; a port scan must not cost more than these. */
const MAX_GUESTS = 16;
