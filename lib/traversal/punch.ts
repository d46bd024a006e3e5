import type { Clock, Randomness } from "../ops/mod.ts";
import {
  type PlannedPunch,
  planPunch,
  type PunchCandidate,
  type PunchDescription,
} from "../protocol/punch/mod.ts";
import type { AddressFamily, StunUri } from "../wire/mod.ts";
import { JointSignalling } from "./_joint_signalling.ts";
import { PunchError } from "./punch_error.ts";
import type { JointPunchSignalling } from "./punch_signalling.ts";
import { type PunchedTcp, punchTcp } from "./punch_tcp.ts";
import { punchUdp } from "./punch_udp.ts";
import type { UdpChannel } from "./udp_channel.ts";

/** How {@linkcode punch} goes about it. */
export interface PunchOptions {
  /**
   * `stun:` URIs of servers that tell where this side is seen, over all of the transports. Two tell
   * besides what the NAT does, and so which transport is the better one.
   */
  readonly servers: readonly (string | StunUri)[];
  /** How the descriptions of both sides are exchanged. */
  readonly signalling: JointPunchSignalling;
  /** Over what to meet. @default {["tcp", "udp"]} */
  readonly transports?: readonly PunchDescription["transport"][] | undefined;
  /** The local port, the same over each transport. @default {0} any */
  readonly localPort?: number | undefined;
  /** Only over this family. @default {undefined} IPv4 where a server has it, else IPv6 */
  readonly family?: AddressFamily | undefined;
  /** ms that the two have for finding each other over each transport. @default {15000} */
  readonly timeoutMs?: number | undefined;
  /** Told of what is tried. */
  readonly onTrial?: ((trial: PunchTrial) => void) | undefined;
  /** Told that a transport cannot be offered, or was tried in vain and the next is tried, and why. */
  readonly onMiss?:
    | ((transport: PunchDescription["transport"], error: Error) => void)
    | undefined;
  /** Told of a server that is not asked, and why. */
  readonly onSkipped?: ((server: string, reason: string) => void) | undefined;
  /** Gives it up; a UDP channel that there is already is closed. */
  readonly signal?: AbortSignal | undefined;
  /** Tells the time. @default the real one */
  readonly clock?: Clock | undefined;
  /** Makes the secrets. @default the system's */
  readonly randomness?: Randomness | undefined;
}

/** One transport that is tried. */
export interface PunchTrial extends PlannedPunch {
  /** Where the other side may be. */
  readonly candidates: readonly PunchCandidate[];
}

/** A way to the other side. */
export type PunchedPath =
  | { readonly transport: "udp"; readonly channel: UdpChannel }
  | { readonly transport: "tcp" } & PunchedTcp;

/**
 * Connects two hosts behind NATs over TCP or UDP, by what both sides have found out about their NATs:
 * both offer what they can, {@linkcode planPunch} says what is the best of that, and should it not
 * work the next is tried. `punchTcp` and `punchUdp` are for who wants the one or the other.
 *
 * @throws {PunchError} If no transport works, the two have none in common, or it is given up (as a
 * rejection); of several that did not work the last one's.
 * @throws What the signalling throws, or opening the sockets if none can be opened (as a rejection).
 * @throws {RangeError} If there is no server or no transport, or one cannot be used (as a rejection).
 */
export async function punch(options: PunchOptions): Promise<PunchedPath> {
  const { signal = new AbortController().signal } = options;
  const transports = [...new Set(options.transports ?? ["tcp", "udp"] as const)];
  if (transports.length === 0) throw new RangeError("Cannot punch: no transport is given");
  const joint = new JointSignalling(options.signalling, transports);
  const attempts = new Attempts({ ...options, signal }, joint);
  for (const transport of transports) attempts.start(transport);
  try {
    return await follow({ ...options, signal }, { joint, attempts });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new PunchError("Cannot punch: it was given up", { code: "aborted", cause: error });
  } finally {
    await attempts.stop();
  }
}

type Options = PunchOptions & { readonly signal: AbortSignal };

async function follow(
  { signal, onTrial, onMiss }: Options,
  { joint, attempts }: { readonly joint: JointSignalling; readonly attempts: Attempts },
): Promise<PunchedPath> {
  const exchange = await joint.exchange(signal);
  const [failure] = attempts.failures.values();
  if (exchange === undefined) throw failure!;
  for (const [transport, error] of attempts.failures) onMiss?.(transport, error);
  const plan = planPunch(exchange.local, exchange.remote);
  await joint.ready(signal);
  for (const { transport, prediction } of plan) {
    const remote = exchange.remote.find((one) => one.transport === transport)!;
    onTrial?.({ transport, prediction, candidates: remote.candidates });
    joint.begin(remote);
    const path = await attempts.outcome(transport);
    if (path !== undefined) return path;
    const error = attempts.failures.get(transport)!;
    if (signal.aborted || transport === plan.at(-1)!.transport) throw error;
    onMiss?.(transport, error);
  }
  // The last one's failure was thrown above, so there was none
  throw new PunchError("Cannot punch: the two sides have no transport in common", {
    code: "unusable",
  });
}

/** The punches, one for each transport, which wait for their turns. */
class Attempts {
  /** Why those have failed that have, in that order. */
  readonly failures = new Map<PunchDescription["transport"], Error>();
  readonly #options: Options;
  readonly #joint: JointSignalling;
  readonly #attempts = new Map<PunchDescription["transport"], Attempt>();

  constructor(options: Options, joint: JointSignalling) {
    this.#options = options;
    this.#joint = joint;
  }

  start(transport: PunchDescription["transport"]): void {
    const stop = new AbortController();
    const outcome = this.#run(transport, AbortSignal.any([this.#options.signal, stop.signal]));
    this.#attempts.set(transport, { stop, outcome });
  }

  /** The path over a transport; undefined if there is none. */
  async outcome(transport: PunchDescription["transport"]): Promise<PunchedPath | undefined> {
    const path = await this.#attempts.get(transport)!.outcome;
    if (path !== undefined) this.#attempts.delete(transport);
    return path;
  }

  /** Ends those whose paths have not been taken. */
  async stop(): Promise<void> {
    for (const { stop } of this.#attempts.values()) stop.abort();
    await Promise.all([...this.#attempts.values()].map(({ outcome }) => outcome));
  }

  async #run(
    transport: PunchDescription["transport"],
    signal: AbortSignal,
  ): Promise<PunchedPath | undefined> {
    const signalling = this.#joint.of(transport);
    const options = { ...this.#options, signalling, signal };
    try {
      return transport === "udp"
        ? { transport, channel: await punchUdp(options) }
        : { transport, ...await punchTcp(options) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.failures.set(transport, error);
      this.#joint.giveUp(transport);
    }
  }
}

interface Attempt {
  readonly stop: AbortController;
  readonly outcome: Promise<PunchedPath | undefined>;
}
