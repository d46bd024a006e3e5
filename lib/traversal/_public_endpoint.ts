import { inTime } from "../client/mod.ts";
import type { KeeperNews } from "../protocol/holding/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";
import { abortedError, CANNOT } from "./_endpoint_failure.ts";
import type { HolderLink, LinkFailure, MappingHolder } from "./_mapping_holder.ts";
import type { PublicEndpointPlan } from "./listen_public_options.ts";
import {
  HoldingEvent,
  PublicAddressEvent,
  PublicAddressLostEvent,
  PublicListenerCloseEvent,
} from "./public_listener.ts";
import { PublicListenerError } from "./public_listener_error.ts";

/** What a socket with a public address is, whatever the transport. */
export abstract class PublicEndpoint extends EventTarget implements AsyncDisposable {
  /** What it was made with. */
  protected readonly plan: PublicEndpointPlan;
  readonly #abort = () => void this.close();
  #publicAddress: SocketAddress | undefined;
  #localAddress: SocketAddress;
  #nat = false;
  #lastLoss = "";
  #closing: Promise<void> | undefined;

  /** Makes one that has no public address yet. */
  constructor(plan: PublicEndpointPlan, localAddress: SocketAddress) {
    super();
    this.plan = plan;
    this.#localAddress = localAddress;
    for (const type of EVENT_TYPES) this.addEventListener(type, plan.onEvent);
  }

  /** The local end, with the IP address that the way to the server has. */
  get localAddress(): SocketAddress {
    return this.#localAddress;
  }

  /** The public address; undefined while it is lost. */
  get publicAddress(): SocketAddress | undefined {
    return this.#publicAddress;
  }

  /** Whether something translates between the two. */
  get nat(): boolean {
    return this.#nat;
  }

  /** Closes it, and waits until nothing of it is left. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** As {@linkcode PublicEndpoint.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What holds the mapping. */
  protected abstract readonly holder: MappingHolder<HolderLink>;

  /** Closes what belongs to the transport. */
  protected abstract release(error: Error | undefined): Promise<void>;

  /**
   * Waits for the public address.
   *
   * @throws {PublicListenerError} If there is none (as a rejection).
   */
  protected async settle(): Promise<void> {
    const { clock, timeoutMs, signal } = this.plan;
    const outcome = await inTime({ timeoutMs, clock, signal }, async (signal) => {
      const { promise, resolve } = Promise.withResolvers<"given-up">();
      const giveUp = () => resolve("given-up");
      if (signal.aborted) giveUp();
      signal.addEventListener("abort", giveUp, { once: true });
      return await Promise.race([this.holder.start(), promise]);
    });
    if (signal?.aborted) throw abortedError(signal);
    if (outcome === "found") {
      signal?.addEventListener("abort", this.#abort, { once: true });
      return;
    }
    if (outcome === "depends") {
      const message = `${CANNOT}: the NAT gives each destination another one, which is of no use ` +
        `to others: ${this.#lastLoss}`;
      throw new PublicListenerError(message, { code: "mapping-depends" });
    }
    throw this.#noServer();
  }

  /** Closes it because it cannot go on. */
  protected fail(error: Error): void {
    this.#closing ??= this.#close(error);
  }

  /** Takes what has become known. */
  protected readonly take = (news: KeeperNews, holder: string): void => {
    switch (news.kind) {
      case "refresh": {
        const { found: { publicAddress, by: { local: localAddress, own, server } } } = news;
        this.#publicAddress = publicAddress;
        this.#localAddress = localAddress;
        this.#nat = !own;
        const { previous } = news;
        const found = { publicAddress, previous, localAddress, server };
        this.dispatchEvent(new PublicAddressEvent(found));
        break;
      }
      case "lost":
        this.#publicAddress = undefined;
        this.#lastLoss = news.reason;
        this.dispatchEvent(new PublicAddressLostEvent(news.reason));
        break;
      case "holder":
        this.dispatchEvent(new HoldingEvent({ ...news, holder }));
    }
  };

  async #close(error?: Error): Promise<void> {
    // Whoever is told of it may close it again, and then waits for the same end
    await undefined;
    this.plan.signal?.removeEventListener("abort", this.#abort);
    await Promise.all([this.holder.close(), this.release(error)]);
    this.#publicAddress = undefined;
    this.dispatchEvent(new PublicListenerCloseEvent(error));
  }

  #noServer(): PublicListenerError {
    const failures = [...this.holder.failures].map(([server, { reason: message, code }]) => ({
      server,
      message,
      code,
    }));
    const [worst] = failures.toSorted((a, b) => TELLING.indexOf(a.code) - TELLING.indexOf(b.code));
    const code = worst?.code ?? "timed-out";
    const message = worst?.message ?? "no server answers in time";
    return new PublicListenerError(`${CANNOT}: ${message}`, { code, failures });
  }
}

const EVENT_TYPES = ["refresh", "lost", "server", "gap", "close"];

/** The nearer to an answer, the more it tells. */
const TELLING: readonly LinkFailure["code"][] = [
  "port-in-use",
  "bad-response",
  "other",
  "no-server",
  "timed-out",
];
