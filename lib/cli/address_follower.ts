import type { Clock } from "../ops/mod.ts";
import type { TcpPortSharing } from "../transport/mod.ts";
import {
  type DialBackFinding,
  PublicAddressEvent,
  PublicAddressLostEvent,
  PublicListenerError,
  type ReachReport,
  verifyReach,
} from "../traversal/mod.ts";
import { equalSocketAddresses, type SocketAddress } from "../wire/mod.ts";
import type { AddressChange, NoticeOutcome } from "./change_hook.ts";
import { type ExposeEvent, exposeEventJson } from "./expose_event.ts";
import { LatestTask } from "./latest_task.ts";

/** What is followed: a TCP listener or a UDP socket with a public address. */
export interface FollowedListener extends EventTarget {
  /** The local end. */
  readonly localAddress: SocketAddress;
  /** The public address; undefined while it is lost. */
  readonly publicAddress: SocketAddress | undefined;
  /** Whether something translates between the two. */
  readonly nat: boolean;
  /** How the port is shared; of TCP alone. */
  readonly sharing?: TcpPortSharing;
  /** Asks a server to connect; of TCP alone. */
  dialBack?(options?: { readonly changeAddress?: boolean }): Promise<DialBackFinding>;
  /** Closes it. */
  close(): Promise<void>;
}

/** Those outside who are told of changes. */
export interface NoticeSenders {
  /** Runs a command. */
  readonly hook?:
    | ((change: AddressChange, signal: AbortSignal) => Promise<NoticeOutcome>)
    | undefined;
  /** Posts an event. */
  readonly webhook?:
    | ((body: Record<string, unknown>, signal: AbortSignal) => Promise<NoticeOutcome>)
    | undefined;
}

/** Whom an {@linkcode AddressFollower} works with. */
export interface AddressFollowerOptions extends NoticeSenders {
  /** Tells the time. */
  readonly clock: Clock;
  /** Told of everything. */
  readonly tell: (event: ExposeEvent) => void;
}

/** Follows a public address: tells of every change, has it verified, and tells those outside. */
export class AddressFollower {
  readonly #listener: FollowedListener;
  readonly #options: AddressFollowerOptions;
  readonly #subscriptions = new AbortController();
  readonly #verification: LatestTask<SocketAddress>;
  readonly #hook: LatestTask<AddressChange> | undefined;
  readonly #webhook: LatestTask<Record<string, unknown>> | undefined;
  #told: SocketAddress | undefined;

  /** Begins with the address that there is. */
  constructor(listener: FollowedListener, options: AddressFollowerOptions) {
    const { hook, webhook, tell } = options;
    this.#listener = listener;
    this.#options = options;
    this.#verification = new LatestTask((address) => this.#verify(address));
    this.#hook = hook && new LatestTask(async (change, signal) => {
      tell({ event: "hook", ...await hook(change, signal) });
    });
    this.#webhook = webhook && new LatestTask(async (body, signal) => {
      tell({ event: "webhook", ...await webhook(body, signal) });
    });
    this.#subscribe();
    if (listener.publicAddress !== undefined) this.#found(listener.publicAddress, undefined);
  }

  /** Ends; what is being told to those outside gets a moment. */
  async close(): Promise<void> {
    this.#subscriptions.abort();
    const { clock } = this.#options;
    await Promise.all([
      this.#verification.close({ clock, graceMs: 0 }),
      this.#hook?.close({ clock, graceMs: GRACE_MS }),
      this.#webhook?.close({ clock, graceMs: GRACE_MS }),
    ]);
  }

  #subscribe(): void {
    const { signal } = this.#subscriptions;
    const on = (type: string, handle: (event: Event) => void) =>
      this.#listener.addEventListener(type, handle, { signal });
    on("refresh", (event) => {
      if (event instanceof PublicAddressEvent) this.#found(event.publicAddress, event.previous);
    });
    on("lost", (event) => {
      if (event instanceof PublicAddressLostEvent) this.#lost(event.reason);
    });
  }

  #found(address: SocketAddress, previous: SocketAddress | undefined): void {
    // The event of the address that the listener began with
    if (this.#told !== undefined && equalSocketAddresses(this.#told, address)) return;
    this.#told = address;
    const { localAddress } = this.#listener;
    this.#tellAll({ event: "refresh", public: address, previous, local: localAddress });
    this.#hook?.offer({ publicAddress: address, localAddress });
    this.#verification.offer(address);
  }

  #lost(reason: string): void {
    this.#told = undefined;
    this.#tellAll({ event: "lost", reason });
  }

  async #verify(address: SocketAddress): Promise<void> {
    const { dialBack } = this.#listener;
    if (dialBack === undefined) return;
    let report: ReachReport;
    try {
      report = await verifyReach({ dialBack: dialBack.bind(this.#listener) });
    } catch (error) {
      // It is lost by now: there will be another address to verify
      if (error instanceof PublicListenerError) return;
      throw error;
    }
    // What was found is about the former address if there is another by now
    const stands = this.#told !== undefined && equalSocketAddresses(this.#told, address);
    if (!stands || this.#subscriptions.signal.aborted) return;
    const { dialBacks, ...verdict } = report;
    const event = verdict.reachable ? "verified" : "unverified";
    this.#tellAll({ event, public: address, ...verdict, dialBack: dialBacks });
  }

  #tellAll(event: ExposeEvent): void {
    const { tell, clock } = this.#options;
    tell(event);
    this.#webhook?.offer(exposeEventJson(event, clock.wallTime()));
  }
}

/** For a hook that is running when pinhole ends. */
const GRACE_MS = 2_000;
