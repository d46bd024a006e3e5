import type { PunchDescription } from "../protocol/punch/mod.ts";
import { orAborted } from "./_or_aborted.ts";
import type { JointPunchSignalling, PunchSignalling } from "./punch_signalling.ts";

type Transport = PunchDescription["transport"];

/** What each side has told the other, a description for each of its transports. */
export interface JointExchange {
  /** This side. */
  readonly local: readonly PunchDescription[];
  /** The other side. */
  readonly remote: readonly PunchDescription[];
}

/**
 * Makes one signalling of a punch for each transport out of one for all. Each punch gets the other
 * side's description, and so begins, when its turn has come.
 */
export class JointSignalling {
  readonly #signalling: JointPunchSignalling;
  readonly #parts: ReadonlyMap<Transport, Part>;

  /** Makes one for so many punches. */
  constructor(signalling: JointPunchSignalling, transports: readonly Transport[]) {
    this.#signalling = signalling;
    this.#parts = new Map(transports.map((transport) => [transport, {
      own: Promise.withResolvers<PunchDescription | undefined>(),
      other: Promise.withResolvers<PunchDescription>(),
    }]));
  }

  /** What the punch over one transport is to use. */
  of(transport: Transport): PunchSignalling {
    const { own, other } = this.#parts.get(transport)!;
    return {
      send: (description) => Promise.resolve(own.resolve(description)),
      receive: (signal) => orAborted(other.promise, signal),
    };
  }

  /** This side cannot punch over a transport. */
  giveUp(transport: Transport): void {
    this.#parts.get(transport)!.own.resolve(undefined);
  }

  /** Exchanges the descriptions as soon as there is one, or none, for each transport; undefined if there is none at all. */
  async exchange(signal: AbortSignal): Promise<JointExchange | undefined> {
    const all = [...this.#parts.values()].map(({ own }) => own.promise);
    const local = (await orAborted(Promise.all(all), signal)).filter((one) => one !== undefined);
    if (local.length === 0) return undefined;
    await orAborted(this.#signalling.send(local), signal);
    const remote = await orAborted(this.#signalling.receive(signal), signal);
    return { local, remote };
  }

  /** Waits for the moment when both sides are to begin. */
  async ready(signal: AbortSignal): Promise<void> {
    const ready = this.#signalling.ready?.(signal);
    if (ready !== undefined) await orAborted(ready, signal);
  }

  /** It is the turn of the punch for which this is the other side's description. */
  begin(remote: PunchDescription): void {
    this.#parts.get(remote.transport)!.other.resolve(remote);
  }
}

interface Part {
  readonly own: PromiseWithResolvers<PunchDescription | undefined>;
  readonly other: PromiseWithResolvers<PunchDescription>;
}
