import type { Clock } from "../ops/mod.ts";
import type { IpPrefix } from "../protocol/mod.ts";
import type { StreamConnection } from "../transport/mod.ts";
import { Admission } from "./_admission.ts";
import type { GatewayClosedEvent, GatewayEvent } from "./gateway_event.ts";
import { StreamForward } from "./stream_forward.ts";

/** What a {@linkcode TcpGateway} needs. */
export interface TcpGatewayOptions {
  /**
   * Connects to the service, within 10 s. If it rejects, the visitor's connection is closed and the
   * reason is told. The signal says when nobody waits any more; its reason is called `TimeoutError`
   * when the time is over.
   */
  readonly dial: (signal: AbortSignal) => Promise<StreamConnection>;
  /** Tells the time. */
  readonly clock: Clock;
  /** Told of who comes and goes. */
  readonly onEvent?: ((event: GatewayEvent) => void) | undefined;
  /** Who may come; everybody if it is empty. @default {[]} */
  readonly allow?: readonly IpPrefix[] | undefined;
  /**
   * How many visitors there may be at a time. Each takes two file descriptors, and a process may have
   * 1,024 of them as a rule.
   *
   * @default {256}
   */
  readonly maxConnections?: number | undefined;
}

/** Forwards the connections of visitors to a service, each over a connection of its own. */
export class TcpGateway {
  readonly #options: TcpGatewayOptions;
  readonly #admission: Admission;
  readonly #stop = new AbortController();
  readonly #visits = new Map<number, Promise<void>>();
  readonly #forwards = new Set<StreamForward>();
  #count = 0;
  #closing = false;
  /** Of the visitors that are gone. */
  #formerBytes = { received: 0, sent: 0 };

  /** Makes one; it holds no socket before the first visitor. */
  constructor(options: TcpGatewayOptions) {
    const { allow = [], maxConnections: most = 256, clock, onEvent = () => {} } = options;
    this.#options = options;
    this.#admission = new Admission({ allow, most, clock, onDenied: onEvent });
  }

  /** How many visitors there are. */
  get open(): number {
    return this.#visits.size;
  }

  /** How many bytes of all visitors the service has taken so far. */
  get receivedBytes(): number {
    return [...this.#forwards].reduce(
      (sum, one) => sum + one.thereBytes,
      this.#formerBytes.received,
    );
  }

  /** How many bytes of the service all visitors have taken so far. */
  get sentBytes(): number {
    return [...this.#forwards].reduce((sum, one) => sum + one.backBytes, this.#formerBytes.sent);
  }

  /** Takes a visitor's connection over; one that is not let in is closed at once. */
  take(visitor: StreamConnection): void {
    const from = visitor.remoteAddress;
    if (this.#closing || !this.#admission.admits(from, this.open)) return visitor.close();
    const id = ++this.#count;
    this.#visits.set(id, this.#serve(visitor, id));
    this.#options.onEvent?.({ event: "connection", id, from, open: this.open });
  }

  /** Takes nobody any more, gives those who are there `graceMs` to finish, and closes the rest. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const end = Promise.withResolvers<void>();
    const cancel = this.#options.clock.setTimer(graceMs, end.resolve);
    const visits = Promise.all(this.#visits.values());
    await Promise.race([visits, end.promise]);
    cancel();
    this.#stop.abort();
    await visits;
  }

  async #serve(visitor: StreamConnection, id: number): Promise<void> {
    const { clock, onEvent } = this.#options;
    const from = visitor.remoteAddress;
    const start = clock.now();
    const result = await this.#forward(visitor);
    this.#visits.delete(id);
    const elapsedMs = clock.now() - start;
    onEvent?.({ event: "closed", id, from, ...result, elapsedMs, open: this.open });
  }

  async #forward(
    visitor: StreamConnection,
  ): Promise<Pick<GatewayClosedEvent, "outcome" | "reason" | "receivedBytes" | "sentBytes">> {
    const signal = this.#stop.signal;
    let service: StreamConnection;
    try {
      service = await this.#dial();
    } catch (error) {
      visitor.close();
      const nothing = { receivedBytes: 0, sentBytes: 0 };
      if (signal.aborted) return { outcome: "aborted", ...nothing };
      const reason = error instanceof Error ? error.message : String(error);
      return { outcome: "no-service", reason, ...nothing };
    }
    const forward = new StreamForward(visitor, service, {
      signal,
      linger: { ms: LINGER_MS, clock: this.#options.clock },
    });
    this.#forwards.add(forward);
    const outcome = await forward.ended;
    this.#forwards.delete(forward);
    const { thereBytes: receivedBytes, backBytes: sentBytes } = forward;
    this.#formerBytes.received += receivedBytes;
    this.#formerBytes.sent += sentBytes;
    return { outcome, receivedBytes, sentBytes };
  }

  async #dial(): Promise<StreamConnection> {
    const { dial, clock } = this.#options;
    const attempt = new AbortController();
    const { signal } = this.#stop;
    const stop = () => attempt.abort(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const cancel = clock.setTimer(DIAL_TIMEOUT_MS, () => {
      attempt.abort(new DOMException("The service does not answer", "TimeoutError"));
    });
    try {
      return await dial(attempt.signal);
    } finally {
      signal.removeEventListener("abort", stop);
      cancel();
    }
  }
}

/** Who waits longer for a page has gone; a service that is up answers a SYN in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000;

/** As long as Linux itself waits for the FIN of a peer whom a program is done with. */
const LINGER_MS = 60_000;
