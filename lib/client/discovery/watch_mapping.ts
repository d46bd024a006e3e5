import { type Clock, systemClock, systemRandomness } from "../../ops/mod.ts";
import { bindingRequest, PATIENT_TIMING, reflexiveOf } from "../../protocol/discovery/mod.ts";
import { equalSocketAddresses, type SocketAddress } from "../../wire/mod.ts";
import { NatProbeRunner } from "./nat_probe_runner.ts";
import { QueryError } from "../mod.ts";

/** How {@linkcode watchMapping} watches. */
export interface WatchMappingOptions {
  /** ms between two looks. */
  readonly everyMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** A change of a mapping. */
export interface MappingChange {
  /** The public address now; undefined while the server does not answer. */
  readonly reflexive: SocketAddress | undefined;
  /** The public address before; undefined at first, and after a time without an answer. */
  readonly previous: SocketAddress | undefined;
}

/** Watches the public address of one UDP socket: what it is at first, and each change of it. */
export async function* watchMapping(
  server: SocketAddress,
  options: WatchMappingOptions,
): AsyncGenerator<MappingChange, void, void> {
  const { everyMs, signal, clock = systemClock } = options;
  using runner = new NatProbeRunner({ ipBytes: server.ip.length === 4 ? 4 : 16, clock, signal });
  let previous: SocketAddress | undefined;
  for (let first = true; !signal.aborted; first = false) {
    let reflexive: SocketAddress | undefined;
    try {
      const request = bindingRequest(systemRandomness.bytes(12));
      const probe = {
        socket: "watch",
        to: server,
        request,
        timing: PATIENT_TIMING,
        asks: "binding",
      };
      const [result] = await runner.run({
        title: "Watching",
        probes: [probe],
        waitMs: first ? 0 : everyMs,
      });
      reflexive = reflexiveOf(result);
    } catch (error) {
      if (error instanceof QueryError && signal.aborted) return;
      throw error;
    }
    const same = reflexive === undefined || previous === undefined
      ? reflexive === previous
      : equalSocketAddresses(reflexive, previous);
    if (first || !same) yield { reflexive, previous };
    previous = reflexive;
  }
}
