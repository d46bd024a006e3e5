import { ROOT } from "../support/pinhole_server.ts";
import type { Child, RunResult } from "../support/process.ts";
import type { LabHost } from "./lab_host.ts";

/** What `pinhole nat --json` says of one transport. */
export interface JsonPart {
  /** Whether any server could be reached. */
  readonly reachable: boolean;
  /** The public endpoint. */
  readonly reflexive: string | null;
  /** The host's own endpoint. */
  readonly local: string | null;
  /** As `NatMapping`. */
  readonly mapping: string;
  /** As `NatFiltering`. */
  readonly filtering: string;
  /** As `ClassicNat`. */
  readonly classic: string;
  /** Why. */
  readonly reason: string;
  /** Of UDP alone. */
  readonly portPreservation?: string;
}

/** What `pinhole nat --json` prints, as far as the lab looks at it. */
export interface JsonReport {
  /** Of UDP; absent if it was not tested. */
  readonly udp?: JsonPart;
  /** Of TCP; absent if it was not tested. */
  readonly tcp?: JsonPart;
  /** Yes, no or unknown. */
  readonly hairpinning: string;
  /** With `--padding`. */
  readonly fragments?: string;
  /** With `--lifetime`. */
  readonly lifetime?: {
    readonly measured: boolean;
    readonly aliveMs: number;
    readonly goneMs: number | null;
  };
}

/** Starts `pinhole nat` in a host of the lab. */
export function startPinholeNat(host: LabHost, args: readonly string[]): Child {
  const permissions = ["--allow-net", "--allow-sys=networkInterfaces"];
  return host.deno([...permissions, ROOT + "lib/cli/pinhole.ts", "nat", ...args]);
}

/** Runs `pinhole nat` in a host of the lab to its end. */
export async function pinholeNat(host: LabHost, args: readonly string[]): Promise<RunResult> {
  await using child = startPinholeNat(host, args);
  return await child.result(90_000);
}

/** A numeric address as a `stun:` URI. */
export function stunUri(ip: string): string {
  return ip.includes(":") ? `stun:[${ip}]` : `stun:${ip}`;
}
