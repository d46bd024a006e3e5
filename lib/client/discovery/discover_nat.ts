import { type Clock, type Randomness, systemClock, systemRandomness } from "../../ops/mod.ts";
import {
  type BindingLifetime,
  discoverTcpNat,
  discoverUdpNat,
  measureBindingLifetime,
  type NatReport,
  type NatSteps,
  probeFragments,
  type TcpNatReport,
  type UdpNatReport,
  type Verdict,
} from "../../protocol/discovery/mod.ts";
import { isLocalIp, ListenError } from "../../transport/mod.ts";
import type { AddressFamily, StunUri } from "../../wire/mod.ts";
import { NatProbeRunner } from "./nat_probe_runner.ts";
import { QueryError } from "../mod.ts";
import { resolveServers } from "../mod.ts";
import { TcpNatRunner } from "./tcp_nat_runner.ts";

/** What {@linkcode discoverNat} finds out, and how. */
export interface DiscoverNatOptions {
  /** Only this family. @default {undefined} IPv4 where a server has it, else IPv6 */
  readonly family?: AddressFamily | undefined;
  /** What to test. @default {["udp", "tcp"]} */
  readonly transports?: readonly ("udp" | "tcp")[] | undefined;
  /** Whether to measure for how long a UDP mapping lives, which takes minutes. @default {false} */
  readonly lifetime?: boolean | undefined;
  /** Whether to test whether UDP fragments pass. @default {false} */
  readonly fragments?: boolean | undefined;
  /** Told what is being found out, and where that takes long about how many ms are left. */
  readonly onProgress?: ((title: string, leftMs?: number) => void) | undefined;
  /** Told of a server that is not asked, as its name leads to no address that can be used, and why. */
  readonly onSkipped?: ((server: string, reason: string) => void) | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses the transaction ids. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/**
 * Finds out what the NATs between this host and the servers do (RFC 5780, RFC 4787, RFC 5382). It
 * takes one server with RFC 5780 to tell everything; two plain ones tell the mapping.
 *
 * @param servers `stun:` URIs, the most trusted first.
 * @throws {QueryError} If no server's name leads to an address, no socket can be had, or it is given
 *   up (as a rejection).
 * @throws {RangeError} If there is no server or one is not a `stun:` URI (as a rejection).
 */
export async function discoverNat(
  servers: readonly (string | StunUri)[],
  options: DiscoverNatOptions = {},
): Promise<NatReport> {
  try {
    return await discover(servers, options);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new QueryError(error.message, { code: "other", cause: error });
  }
}

async function discover(
  servers: readonly (string | StunUri)[],
  options: DiscoverNatOptions,
): Promise<NatReport> {
  const { transports = ["udp", "tcp"], clock = systemClock, signal } = options;
  const { randomness = systemRandomness } = options;
  const addresses = await resolveServers(servers, { ...options, purpose: "discover a NAT" });
  const family = addresses[0]!.ip.length === 4 ? 4 : 6;
  const transactionId = () => randomness.bytes(12);
  let udp: UdpNatReport | undefined;
  let lifetime: BindingLifetime | undefined;
  let fragments: Verdict<"yes" | "no" | "unknown"> | undefined;
  if (transports.includes("udp")) {
    using runner = new NatProbeRunner({ ipBytes: family === 4 ? 4 : 16, clock, signal });
    const run = async <T>(steps: NatSteps<T>): Promise<T> => {
      let next = steps.next();
      while (!next.done) {
        options.onProgress?.(next.value.title, next.value.leftMs);
        next = steps.next(await runner.run(next.value));
      }
      return next.value;
    };
    udp = await run(discoverUdpNat({ servers: addresses, transactionId, isOwnIp: isLocalIp }));
    // Only a server with RFC 5780 knows what these two ask for
    const able = udp.servers.find(({ answered, other }) => answered && other !== undefined) ??
      udp.servers.find(({ answered }) => answered);
    if (able !== undefined && options.fragments) {
      fragments = await run(probeFragments({ server: able.address, transactionId }));
    }
    if (able !== undefined && options.lifetime) {
      lifetime = await run(measureBindingLifetime({ server: able.address, transactionId }));
    }
  }
  let tcp: TcpNatReport | undefined;
  if (transports.includes("tcp")) {
    await using runner = new TcpNatRunner({ family, clock, signal });
    const steps = discoverTcpNat({ servers: addresses, transactionId });
    let next = steps.next();
    while (!next.done) {
      options.onProgress?.(next.value.title);
      next = steps.next(await runner.run(next.value));
    }
    tcp = next.value;
  }
  return { family, udp, tcp, lifetime, fragments };
}
