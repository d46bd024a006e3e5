import { equalIps, formatSocketAddress, type SocketAddress } from "../../wire/mod.ts";
import type { NatFiltering, Verdict } from "./nat_behaviour.ts";
import type { NatProbeResult } from "./nat_probe.ts";

/** What was seen of one server while the filtering was tested. */
export interface FilteringObservation {
  /** The server's address. */
  readonly server: SocketAddress;
  /** Its OTHER-ADDRESS. */
  readonly other: SocketAddress;
  /** "Answer from the other address and port." */
  readonly both: NatProbeResult | undefined;
  /** "Answer from the other port." */
  readonly port: NatProbeResult | undefined;
  /** Whether the other address and port answer when they are asked directly. */
  readonly otherAlive: boolean;
  /** Whether the other port of the same address answers when it is asked directly. */
  readonly otherPortAlive: boolean;
  /** How often it had to be asked directly until it answered: at first, and afterwards everywhere. */
  readonly attempts: readonly number[];
  /** `both` once more, when the way in for it had been opened: what came of it, if it was tried. */
  readonly bothControl: NatProbeResult | undefined;
  /** `port` once more, when the way in for it had been opened: what came of it, if it was tried. */
  readonly portControl: NatProbeResult | undefined;
}

/**
 * Judges the filtering by what one server was asked (RFC 5780 section 4.4). What comes in from an
 * address that was never sent to proves that it is let in, whatever the server was asked. A silence
 * proves nothing until the server is known to have spoken: so it counts only if the same answer
 * arrives once the way in is open (`control`), or, where the mapping makes that impossible, if the
 * server's other sockets are alive, and then with less confidence.
 */
export function judgeFiltering(seen: FilteringObservation): Verdict<NatFiltering> {
  const name = formatSocketAddress(seen.server);
  const fromBoth = originOf(seen.both, seen.server);
  const fromPort = originOf(seen.port, seen.server);
  for (const [origin, result] of [[fromBoth, seen.both], [fromPort, seen.port]] as const) {
    if (origin === "address") {
      return {
        value: "endpoint-independent",
        confidence: "high",
        reason: `an answer came in from ${sourceOf(result)}, which had never been sent to`,
      };
    }
  }
  if (fromBoth === "error" || fromPort === "error") return cannot(`${name} refuses CHANGE-REQUEST`);
  if (fromBoth === "same" || fromPort === "same") {
    return cannot(`${name} ignores CHANGE-REQUEST and answers from where it was asked`);
  }
  if (fromBoth === "port") {
    return cannot(`${name} answered from another port when it was asked for another address`);
  }
  if (isSeldom(seen.attempts)) {
    return cannot(`${name} leaves many requests unanswered, so its silence means nothing`);
  }
  const otherSpeaks = speaks(seen.bothControl, seen.server, "address");
  if (fromPort === "silent") return judgeSilence(seen, otherSpeaks);
  if (otherSpeaks === false || !seen.otherAlive) {
    return cannot(`${name} does not answer from its other address`);
  }
  return {
    value: "address-dependent",
    confidence: otherSpeaks === true ? "high" : "medium",
    reason: `an answer came in from another port of ${name}, none from its other address`,
  };
}

/** Nothing came in. What another port of the same address cannot send, another address cannot. */
function judgeSilence(
  seen: FilteringObservation,
  otherSpeaks: boolean | undefined,
): Verdict<NatFiltering> {
  const name = formatSocketAddress(seen.server);
  const portSpeaks = speaks(seen.portControl, seen.server, "port");
  if (portSpeaks === true) {
    return {
      value: "address-and-port-dependent",
      confidence: "high",
      reason: `nothing came in from another port of ${name} before it had been sent to`,
    };
  }
  if (portSpeaks === false || !seen.otherPortAlive) {
    return cannot(`${name} does not answer from its other port`);
  }
  if (otherSpeaks === false || !seen.otherAlive) {
    return cannot(`${name} does not answer from its other address`);
  }
  return {
    value: "address-and-port-dependent",
    confidence: "medium",
    reason: `nothing came in from another port or the other address of ${name}`,
  };
}

/** One verdict from those of several servers; those that could not tell do not count. */
export function mergeFiltering(verdicts: readonly Verdict<NatFiltering>[]): Verdict<NatFiltering> {
  const told = verdicts.filter(({ value }) => value !== "unknown");
  const [first] = told;
  if (first === undefined) {
    return verdicts[0] ?? cannot("no server has RFC 5780, which it takes to tell the filtering");
  }
  if (told.some(({ value }) => value !== first.value)) {
    const each = told.map(({ value }) => value).join(", ");
    return cannot(`the servers disagree: ${each}`);
  }
  return told.find(({ confidence }) => confidence === "high") ?? first;
}

/** From where, seen from the server's own address, an answer came. */
function originOf(
  result: NatProbeResult | undefined,
  server: SocketAddress,
): "address" | "port" | "same" | "error" | "silent" {
  if (result?.answered !== true) return "silent";
  if (!equalIps(result.source.ip, server.ip)) return "address";
  if (result.source.port !== server.port) return "port";
  return result.response.class === "error" ? "error" : "same";
}

/** Whether a control shows that the server speaks from there; undefined if none could be made. */
function speaks(
  control: NatProbeResult | undefined,
  server: SocketAddress,
  wanted: "address" | "port",
): boolean | undefined {
  return control === undefined ? undefined : originOf(control, server) === wanted;
}

/**
 * Whether a server limits its clients, so that a request may have gone unanswered every time. With
 * one packet in ten lost each way, five requests are sent fifteen times once in 30,000 cases.
 */
function isSeldom(attempts: readonly number[]): boolean {
  // Where an answer takes a second, every request is sent three times before it comes
  const most = (Math.min(3, ...attempts) + 2) * attempts.length;
  return attempts.length > 0 && attempts.reduce((sum, one) => sum + one, 0) >= most;
}

function sourceOf(result: NatProbeResult | undefined): string {
  return result?.answered === true ? formatSocketAddress(result.source) : "";
}

function cannot(why: string): Verdict<NatFiltering> {
  return { value: "unknown", confidence: "none", reason: `this cannot be told: ${why}` };
}
