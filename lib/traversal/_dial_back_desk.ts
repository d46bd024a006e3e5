import type { GreetedConnection } from "../client/mod.ts";
import type { Clock } from "../ops/mod.ts";
import { isDialBackGreeting } from "../protocol/discovery/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** A dial-back that is on its way. */
export interface ExpectedDialBack extends Disposable {
  /** Where it came from, once it is here. */
  readonly from: SocketAddress | undefined;
  /** Waits until it is here, but no longer than so many ms. */
  arrival(ms: number): Promise<SocketAddress | undefined>;
}

/** Tells dial-backs from everybody else who connects. */
export class DialBackDesk {
  readonly #clock: Clock;
  readonly #expected = new Set<Expectation>();

  /** Makes one that expects nobody. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a dial-back is expected, so that it is worth while to look who comes. */
  get isExpecting(): boolean {
    return this.#expected.size > 0;
  }

  /** Expects nobody any more. */
  close(): void {
    for (const expectation of this.#expected) expectation[Symbol.dispose]();
  }

  /** Expects one that brings a token, until it is disposed of. */
  expect(token: Uint8Array): ExpectedDialBack {
    const expectation = new Expectation(token, this.#clock, () => {
      this.#expected.delete(expectation);
    });
    this.#expected.add(expectation);
    return expectation;
  }

  /**
   * Looks at what a connection begins with, for as long as dial-backs are expected but no longer than a
   * greeting takes. Returns whether it is a dial-back; one that is not is none the worse for it.
   */
  async receive(guest: GreetedConnection): Promise<boolean> {
    const impatience = Promise.withResolvers<undefined>();
    const cancel = this.#clock.setTimer(GREETING_MS, () => impatience.resolve(undefined));
    const nobodyElse = Promise.all([...this.#expected].map(({ over }) => over))
      .then(() => undefined);
    const greeting = await Promise.race([guest.greeting(), impatience.promise, nobodyElse]);
    cancel();
    if (greeting === undefined) return false;
    for (const expectation of this.#expected) {
      if (!isDialBackGreeting(greeting, expectation.token)) continue;
      expectation.arrived(guest.remoteAddress);
      return true;
    }
    return false;
  }
}

class Expectation implements ExpectedDialBack {
  readonly token: Uint8Array;
  /** Resolves when it is here or not waited for any more. */
  readonly over: Promise<void>;
  readonly #clock: Clock;
  readonly #forget: () => void;
  readonly #over = Promise.withResolvers<void>();
  #from: SocketAddress | undefined;

  constructor(token: Uint8Array, clock: Clock, forget: () => void) {
    this.token = token;
    this.over = this.#over.promise;
    this.#clock = clock;
    this.#forget = forget;
  }

  get from(): SocketAddress | undefined {
    return this.#from;
  }

  arrived(from: SocketAddress): void {
    this.#from ??= from;
    this.#over.resolve();
  }

  async arrival(ms: number): Promise<SocketAddress | undefined> {
    const cancel = this.#clock.setTimer(ms, () => this.#over.resolve());
    await this.over;
    cancel();
    return this.#from;
  }

  [Symbol.dispose](): void {
    this.#forget();
    this.#over.resolve();
  }
}

/** A dial-back greets at once; a stranger who waits for us to speak must not wait for long. */
const GREETING_MS = 2_000;
