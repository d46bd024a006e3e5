import type { Clock, Randomness } from "../ops/mod.ts";
import {
  type HoldEnd,
  type KeeperNews,
  type KeeperOrder,
  MappingKeeper,
  type PublicAddressObservation,
} from "../protocol/holding/mod.ts";
import type { SocketAddress } from "../wire/mod.ts";

/** A way to something that holds the mapping as long as it is used. */
export interface HolderLink {
  /** Resolves when the other side has ended it. */
  readonly ended: Promise<LinkFailure>;
  /** Asks. */
  ask(): Promise<LinkAnswer>;
  /** Ends it; what is asked meanwhile may go without an answer. */
  close(): void;
}

/** What became of a question. */
export type LinkAnswer =
  /** It was answered; a server has told what it sees. */
  | { readonly kind: "answered"; readonly seen?: PublicAddressObservation | undefined }
  /** The link is of no use any more. */
  | { readonly kind: "failed"; readonly failure: LinkFailure }
  /** The other side has ended it, as `ended` tells. */
  | { readonly kind: "ended" };

/** Why a link is of no use any more, or did not come about. */
export interface LinkFailure {
  /** In a sentence. */
  readonly reason: string;
  /** What it is for somebody who has no other link. */
  readonly code: "no-server" | "timed-out" | "bad-response" | "port-in-use" | "other";
}

/** One that may hold the mapping. */
export interface MappingHolderPeer<L extends HolderLink> {
  /** What to call it. */
  readonly name: string;
  /** Makes a link to it; rejects with what {@linkcode MappingHolderOptions.diagnose} understands. */
  connect(signal: AbortSignal): Promise<L>;
}

/** What a {@linkcode MappingHolder} needs. */
export interface MappingHolderOptions<L extends HolderLink> {
  /** Those that tell what they see. */
  readonly servers: readonly (MappingHolderPeer<L> & { readonly address: SocketAddress })[];
  /** Those that do not. */
  readonly anchors: readonly MappingHolderPeer<HolderLink>[];
  /** ms between two questions to each. */
  readonly keepAliveMs: number;
  /** Tells the time. */
  readonly clock: Clock;
  /** Spreads attempts. */
  readonly randomness: Randomness;
  /** Makes sense of why no link came about; throws what it does not understand. */
  readonly diagnose: (error: unknown) => LinkFailure;
  /** Told what becomes known, with the name of the one that it is about. */
  readonly onNews: (news: KeeperNews, name: string) => void;
}

/** Carries out what a {@linkcode MappingKeeper} decides, over real links. */
export class MappingHolder<L extends HolderLink> {
  /** How each link failed last. */
  readonly failures = new Map<string, LinkFailure>();
  readonly #options: MappingHolderOptions<L>;
  readonly #keeper: MappingKeeper;
  readonly #peers: readonly MappingHolderPeer<HolderLink>[];
  readonly #links = new Map<number, HolderLink>();
  readonly #stop = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  readonly #settled = Promise.withResolvers<"found" | "depends" | "lost">();
  #cancelTimer = () => {};

  /** Makes a holder that has not begun. */
  constructor(options: MappingHolderOptions<L>) {
    const { servers, anchors, keepAliveMs, randomness } = options;
    this.#options = options;
    this.#peers = [...servers, ...anchors];
    this.#keeper = new MappingKeeper({
      servers: servers.map(({ address }) => address),
      anchors: anchors.length,
      keepAliveMs,
      randomBytes: (length) => randomness.bytes(length),
    });
  }

  /** Begins; resolves once it is known whether there is a public address. */
  async start(): Promise<"found" | "depends" | "lost"> {
    this.#pump();
    return await this.#settled.promise;
  }

  /** The links to servers that are open. */
  get links(): readonly L[] {
    // Those of anchors have higher numbers
    const servers = [...this.#links].filter(([i]) => i < this.#options.servers.length);
    return servers.map(([, link]) => link as L);
  }

  /** Closes all links, and waits until nothing of them is left. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelTimer();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await Promise.all(this.#tasks);
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return;
    const { clock, onNews } = this.#options;
    for (const step of this.#keeper.steps(clock.now())) {
      if (step.kind === "dial" || step.kind === "ask") this.#carryOut(step);
      else onNews(step, step.kind === "holder" ? this.#peers[step.holder]!.name : "");
    }
    const { state } = this.#keeper;
    if (state !== "settling") this.#settled.resolve(state);
    // Who was told may have closed it
    if (this.#stop.signal.aborted) return;
    this.#cancelTimer();
    const wake = this.#keeper.nextWake();
    if (wake === Infinity) return;
    this.#cancelTimer = clock.setTimer(Math.max(0, wake - clock.now()), () => this.#pump());
  }

  #carryOut({ kind, holder }: KeeperOrder): void {
    const task = (kind === "dial" ? this.#dial(holder) : this.#ask(holder))
      .finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  async #dial(holder: number): Promise<void> {
    const { clock, diagnose } = this.#options;
    const { name, connect } = this.#peers[holder]!;
    let link: HolderLink;
    try {
      link = await connect(this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const failure = diagnose(error);
      this.failures.set(name, failure);
      this.#keeper.failed(holder, failure.reason, clock.now());
      return this.#pump();
    }
    if (this.#stop.signal.aborted) return link.close();
    this.#links.set(holder, link);
    this.#keeper.connected(holder, clock.now());
    this.#pump();
    this.#end(holder, { link, end: "by-server", failure: await link.ended });
  }

  async #ask(holder: number): Promise<void> {
    const link = this.#links.get(holder)!;
    const answer = await link.ask();
    if (this.#links.get(holder) !== link) return;
    switch (answer.kind) {
      case "answered":
        this.#keeper.answered(holder, answer.seen, this.#options.clock.now());
        return this.#pump();
      case "failed":
        return this.#end(holder, { link, end: "by-us", failure: answer.failure });
      case "ended":
        return;
    }
  }

  #end(
    holder: number,
    { link, end, failure }: {
      readonly link: HolderLink;
      readonly end: HoldEnd;
      readonly failure: LinkFailure;
    },
  ): void {
    if (this.#links.get(holder) !== link) return;
    this.#links.delete(holder);
    link.close();
    this.failures.set(this.#peers[holder]!.name, failure);
    this.#keeper.ended(holder, { end, reason: failure.reason }, this.#options.clock.now());
    this.#pump();
  }
}

/**
 * How long a link waits for an answer, in ms. TCP sends again after 0.2, 0.4, 0.8, 1.6 s as a rule: who
 * has not answered by then is gone, or the mapping is.
 */
export const ANSWER_MS = 5_000;

/** Why a link is given up that answers no more. */
export const UNANSWERED = `no answer within ${ANSWER_MS / 1000} s`;
