import type { DialBackFinding, ReachReport } from "../traversal/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, type SocketAddress } from "../wire/mod.ts";
import { dialBackJson } from "./expose_event.ts";

/** What `pinhole reach` has found. */
export interface ReachFinding extends ReachReport {
  /** The public address; undefined if there is none that is of use to others. */
  readonly public: SocketAddress | undefined;
  /** The local end of it. */
  readonly local: SocketAddress | undefined;
}

/** A finding as `pinhole reach --json` prints it. */
export function reachJson(finding: ReachFinding): Record<string, unknown> {
  return {
    public: finding.public ? formatSocketAddress(finding.public) : null,
    local: finding.local ? formatSocketAddress(finding.local) : null,
    dialBack: finding.dialBacks.map(dialBackJson),
    reachable: finding.reachable,
    reason: finding.reason,
  };
}

/** A finding for people. */
export function reachText(finding: ReachFinding): string {
  const { public: publicAddress, local, dialBacks, reachable, reason } = finding;
  const answer = reachable === null ? "cannot be told" : reachable ? "yes" : "no";
  const rows = [
    ...publicAddress ? [["Public address", formatSocketAddress(publicAddress)]] : [],
    ...local ? [["Local address", localText(local)]] : [],
    ...dialBacks.map((one, i) => [i === 0 ? "Dial-back" : "", dialBackText(one)]),
    ["Reachable", `${answer}: ${reason}`],
  ];
  return rows.map(([left, right]) => `${left!.padEnd(16)}${right}`).join("\n");
}

function localText(local: SocketAddress): string {
  return isUnspecifiedIp(local.ip)
    ? `port ${local.port} of an unknown address`
    : formatSocketAddress(local);
}

function dialBackText({ changeAddress, outcome, from, elapsedMs }: DialBackFinding): string {
  const whence = `from another ${changeAddress ? "address" : "port"} of the server`;
  const known = from === undefined ? "" : `, ${formatSocketAddress(from)}`;
  const words = outcome === "connected" && from === undefined
    ? "connected, but not to this host"
    : outcome;
  return `${whence}${known}: ${words}${elapsedMs === undefined ? "" : ` (${elapsedMs} ms)`}`;
}
