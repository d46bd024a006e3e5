import { resolveServers } from "../client/mod.ts";
import { type Clock, type Randomness, systemClock, systemRandomness } from "../ops/mod.ts";
import type { PunchSide } from "../protocol/discovery/mod.ts";
import {
  type PunchDescription,
  UdpGathering,
  UdpPunch,
  type UdpPunchConnected,
} from "../protocol/punch/mod.ts";
import { type DatagramTransport, localAddressTowards, openDenoDatagram } from "../transport/mod.ts";
import { type AddressFamily, addressFamily, isUnspecifiedIp, type StunUri } from "../wire/mod.ts";
import { ownDescription } from "./_own_description.ts";
import { PunchedUdpChannel } from "./_punched_udp_channel.ts";
import { UdpPunchRun } from "./_udp_punch_run.ts";
import { PunchError } from "./punch_error.ts";
import type { PunchSignalling } from "./punch_signalling.ts";
import type { UdpChannel } from "./udp_channel.ts";

/** How {@linkcode punchUdp} goes about it. */
export interface PunchUdpOptions {
  /**
   * `stun:` URIs of servers that tell where the socket is seen, one at least. Two tell besides whether
   * the NAT gives each destination another port, and sometimes which.
   */
  readonly servers: readonly (string | StunUri)[];
  /** How the descriptions of both sides are exchanged. */
  readonly signalling: PunchSignalling;
  /** What this side's NAT does, to explain a failure. @default {undefined} what the servers tell */
  readonly side?: PunchSide | undefined;
  /** The socket's port. @default {0} any */
  readonly localPort?: number | undefined;
  /** Only over this family. @default {undefined} IPv4 where a server has it, else IPv6 */
  readonly family?: AddressFamily | undefined;
  /** ms that the two have for finding each other, once both descriptions are there. @default {15000} */
  readonly timeoutMs?: number | undefined;
  /** Told of a server that is not asked, as its name leads to no address that can be used, and why. */
  readonly onSkipped?: ((server: string, reason: string) => void) | undefined;
  /** Gives it up; a channel that there is already is closed. */
  readonly signal?: AbortSignal | undefined;
  /** Opens the socket. @default `Deno.listenDatagram` */
  readonly openDatagram?:
    | ((at: { readonly ip: Uint8Array; readonly port: number }) => DatagramTransport)
    | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Makes the secrets. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/**
 * Connects two hosts behind NATs over UDP. Both call this; each tells the other, by whatever way the
 * two have, where it may be found, and both send authenticated checks to all of the other's addresses
 * until one way works. {@linkcode predictPunch} says between which NATs that is possible; where it is
 * not, a relay is needed, and the error says so.
 *
 * @example Two sides in one process, which hand each other their descriptions in memory
 * ```ts
 * import { type PunchDescription, punchUdp, StunServer } from "@pinhole/stun";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = new StunServer({ hostnames: ["127.0.0.1"], port: 0 });
 * const servers = [`stun:127.0.0.1:${server.start()[0]!.address.port}`];
 *
 * const one = Promise.withResolvers<PunchDescription>();
 * const two = Promise.withResolvers<PunchDescription>();
 * const here = { send: async (own: PunchDescription) => one.resolve(own), receive: () => two.promise };
 * const there = { send: async (own: PunchDescription) => two.resolve(own), receive: () => one.promise };
 *
 * const [alice, bob] = await Promise.all([
 *   punchUdp({ servers, signalling: here }),
 *   punchUdp({ servers, signalling: there }),
 * ]);
 * await alice.send(new TextEncoder().encode("hello"));
 * for await (const bytes of bob) {
 *   assertEquals(new TextDecoder().decode(bytes), "hello");
 *   break;
 * }
 * await Promise.all([alice.close(), bob.close()]);
 * ```
 *
 * @throws {PunchError} If no path is found, the other side's description cannot be used, or it is
 * given up (as a rejection).
 * @throws {QueryError} If no server's name leads to an address (as a rejection).
 * @throws {ListenError} If the socket cannot be opened (as a rejection).
 * @throws {RangeError} If there is no server, one is not a `stun:` URI, or a number is out of range
 * (as a rejection).
 */
export async function punchUdp(options: PunchUdpOptions): Promise<UdpChannel> {
  const { signal = new AbortController().signal, timeoutMs = 15_000 } = options;
  if (!(timeoutMs > 0)) {
    throw new RangeError(`Cannot punch: timeoutMs is ${timeoutMs}, wanted more than 0`);
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  // It is the loser of a race as a rule
  aborted.catch(() => {});
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  let run: UdpPunchRun | undefined;
  const keep = (started: UdpPunchRun) => run = started;
  try {
    return await Promise.race([aborted, punch({ ...options, signal }, keep)]);
  } catch (error) {
    await run?.close();
    if (!signal.aborted) throw error;
    throw new PunchError("Cannot punch over UDP: it was given up", {
      code: "aborted",
      cause: signal.reason,
    });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function punch(
  options: PunchUdpOptions & { readonly signal: AbortSignal },
  keep: (run: UdpPunchRun) => void,
): Promise<UdpChannel> {
  const { signalling, signal, clock = systemClock, randomness = systemRandomness } = options;
  const servers = await resolveServers(options.servers, { ...options, purpose: "punch over UDP" });
  const family = addressFamily(servers[0]!);
  const { openDatagram = openDenoDatagram, localPort = 0 } = options;
  signal.throwIfAborted();
  const socket = openDatagram({ ip: new Uint8Array(family === 4 ? 4 : 16), port: localPort });
  const transactionId = () => randomness.bytes(12);
  const gathering = new UdpGathering({ servers, transactionId });
  const run = new UdpPunchRun({ socket, gathering, clock });
  keep(run);
  await run.gathered;
  const hosts = servers.map((server) => localAddressTowards(server, socket.localAddress))
    .filter(({ ip }) => !isUnspecifiedIp(ip));
  const local = ownDescription({
    transport: "udp",
    findings: { hosts, observations: gathering.observations, asked: servers.length },
    side: options.side,
    randomness,
  });
  await signalling.send(local);
  const remote = await signalling.receive(signal);
  const machine = makePunch({ ...options, local, remote, family, randomness });
  await signalling.ready?.(signal);
  const agreed = await agree(run, machine);
  const localAddress = localAddressTowards(agreed.remote, socket.localAddress);
  const channel = new PunchedUdpChannel({ run, punch: machine, agreed, localAddress });
  const close = () => void channel.close();
  signal.addEventListener("abort", close, { once: true });
  void channel.closed.then(() => signal.removeEventListener("abort", close));
  return channel;
}

async function agree(run: UdpPunchRun, machine: UdpPunch): Promise<UdpPunchConnected> {
  const outcome = await run.punch(machine);
  if (outcome.kind === "connected") return outcome;
  const code = outcome.kind === "failed" ? outcome.code : "unheard";
  throw new PunchError(`Cannot punch over UDP: ${outcome.reason}`, { code });
}

function makePunch(
  options: {
    readonly local: PunchDescription;
    readonly remote: PunchDescription;
    readonly family: AddressFamily;
    readonly timeoutMs?: number | undefined;
    readonly randomness: Randomness;
  },
): UdpPunch {
  const { randomness, ...rest } = options;
  try {
    return new UdpPunch({ ...rest, randomBytes: (length) => randomness.bytes(length) });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PunchError(error.message, { code: "unusable", cause: error });
  }
}
