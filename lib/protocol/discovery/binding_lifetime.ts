import { attribute, RESPONSE_PORT, type SocketAddress } from "../../wire/mod.ts";
import {
  bindingRequest,
  type NatProbe,
  type NatProbeAnswer,
  type NatProbeResult,
  type NatSteps,
  PATIENT_TIMING,
  reflexiveOf,
} from "./nat_probe.ts";

/** What {@linkcode measureBindingLifetime} needs. */
export interface BindingLifetimeOptions {
  /** A server with RFC 5780. */
  readonly server: SocketAddress;
  /** A fresh transaction id, 12 random bytes, at each call. */
  readonly transactionId: () => Uint8Array;
  /** The longest idle time to try, in ms. @default {600000} */
  readonly maxMs?: number | undefined;
  /** How exact the result is to be, in ms. @default {5000} */
  readonly precisionMs?: number | undefined;
}

/** For how long a NAT keeps a mapping that nothing is sent over. */
export interface BindingLifetime {
  /** Whether it could be measured. */
  readonly measured: boolean;
  /** The longest idle time after which the mapping was alive, in ms. */
  readonly aliveMs: number;
  /** The shortest idle time after which it was gone, in ms; undefined if it outlived all tries. */
  readonly goneMs: number | undefined;
  /** How it was found, or why it could not be, in a sentence for a person. */
  readonly reason: string;
}

/**
 * Measures the lifetime of a mapping (RFC 5780 section 4.6): lets sockets rest for different times
 * and then has the server send to them, by RESPONSE-PORT in a request from another socket. Several
 * sockets rest at once, so that a round takes as long as its longest rest.
 *
 * @throws {RangeError} If `maxMs` or `precisionMs` is less than 1, at the first step.
 */
export function* measureBindingLifetime(
  options: BindingLifetimeOptions,
): NatSteps<BindingLifetime> {
  const { maxMs = 600_000, precisionMs = 5000 } = options;
  if (!(maxMs >= 1 && precisionMs >= 1)) {
    const found = `${maxMs} and ${precisionMs} ms`;
    throw new RangeError(
      `Cannot measure a lifetime: the longest rest and the precision are ${found}, wanted 1 or more`,
    );
  }
  if (!(yield* isHonoured(options, 0))) {
    return notMeasured("the server does not answer to RESPONSE-PORT");
  }
  let aliveMs = 0;
  let goneMs: number | undefined;
  for (let round = 1; goneMs === undefined || goneMs - aliveMs > precisionMs; round++) {
    const restsMs = goneMs === undefined ? widen(maxMs) : between(aliveMs, goneMs);
    const laterMs = goneMs === undefined
      ? narrowingMs(restsMs[1] ?? 0, restsMs[2] ?? 0, precisionMs)
      : narrowingMs(aliveMs, (aliveMs + goneMs) / 2, precisionMs);
    const alive = yield* rest(options, { round, restsMs, laterMs });
    aliveMs = restsMs[alive - 1] ?? aliveMs;
    if (alive < restsMs.length) {
      goneMs = restsMs[alive]!;
      // A server that has fallen silent meanwhile would pass for a mapping that is gone
      if (!(yield* isHonoured(options, round))) return notMeasured("the server answers no more");
    } else if (goneMs === undefined) {
      break;
    }
  }
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
  return {
    measured: true,
    aliveMs,
    goneMs,
    reason: goneMs === undefined
      ? `a mapping was alive after a rest of ${seconds(aliveMs)}, the longest that was tried`
      : `a mapping was alive after a rest of ${seconds(aliveMs)} and gone after ${seconds(goneMs)}`,
  };
}

/** Whether the server sends to a mapping that has not rested. */
function* isHonoured(options: BindingLifetimeOptions, round: number): NatSteps<boolean> {
  return (yield* rest(options, { round, restsMs: [0], laterMs: 0 })) === 1;
}

/** How many mappings, of those with these rests in ascending order, are alive before one is gone. */
function* rest(
  options: BindingLifetimeOptions,
  { round, restsMs, laterMs }: {
    readonly round: number;
    readonly restsMs: readonly number[];
    /** About how long the rounds after this one take, in ms. */
    readonly laterMs: number;
  },
): NatSteps<number> {
  const { server, transactionId } = options;
  const checks = restsMs[0] === 0;
  const socketOf = (i: number) => checks ? `check ${round}` : `lifetime ${round}.${i + 1}`;
  const ask = (socket: string): NatProbe => ({
    socket,
    to: server,
    request: bindingRequest(transactionId()),
    timing: PATIENT_TIMING,
    asks: "binding",
  });
  const title = checks
    ? "Lifetime: whether the server can tell"
    : `Lifetime, round ${round}: rests of up to ${Math.round(restsMs.at(-1)! / 1000)} s`;
  const leftMs = () => checks ? {} : { leftMs: restsMs.at(-1)! - restedMs + laterMs };
  let restedMs = 0;
  const opened = yield { title, probes: restsMs.map((_, i) => ask(socketOf(i))), ...leftMs() };
  for (const [i, restMs] of restsMs.entries()) {
    const port = reflexiveOf(opened[i])?.port;
    if (port === undefined) return i;
    const probe: NatProbe = {
      socket: "lifetime",
      to: server,
      request: bindingRequest(transactionId(), [attribute(RESPONSE_PORT, port)]),
      timing: PATIENT_TIMING,
      asks: `answer to the port of ${socketOf(i)}`,
      arrivesOn: socketOf(i),
    };
    const [result]: readonly NatProbeResult[] = yield {
      title,
      probes: [probe],
      waitMs: Math.max(0, restMs - restedMs),
      ...leftMs(),
    };
    if (result?.answered !== true || result.response.class !== "success") return i;
    restedMs = Math.max(restMs, restedMs) + tookMs(result);
  }
  return restsMs.length;
}

/** About how long it takes to narrow a lifetime down: each round cuts what is left into four. */
function narrowingMs(aliveMs: number, goneMs: number, precisionMs: number): number {
  const rounds = Math.max(0, Math.ceil(Math.log((goneMs - aliveMs) / precisionMs) / Math.log(4)));
  return rounds * (aliveMs + goneMs) / 2;
}

/** How long a probe of {@linkcode PATIENT_TIMING} took until its answer: the others rested on. */
function tookMs({ attempts, rttMs }: NatProbeAnswer): number {
  const { rtoMs, maxWaitMs } = PATIENT_TIMING;
  return rttMs + (attempts < 2 ? 0 : rtoMs + (attempts - 2) * maxWaitMs);
}

function notMeasured(why: string): BindingLifetime {
  return {
    measured: false,
    aliveMs: 0,
    goneMs: undefined,
    reason: `this cannot be told: ${why}`,
  };
}

/** The times that NATs are known to use, up to the longest wanted. */
function widen(maxMs: number): readonly number[] {
  const usual = [20_000, 40_000, 80_000, 140_000, 200_000, 320_000].filter((ms) => ms < maxMs);
  return [...usual, maxMs];
}

/** Three times that cut what is left into four. */
function between(aliveMs: number, goneMs: number): readonly number[] {
  return [1, 2, 3].map((quarter) => Math.round(aliveMs + (goneMs - aliveMs) * quarter / 4));
}
