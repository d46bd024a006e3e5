import { resolveServers } from "../client/mod.ts";
import { type Clock, type Randomness, systemClock, systemRandomness } from "../ops/mod.ts";
import type { PunchSide } from "../protocol/discovery/mod.ts";
import {
  type PunchCandidate,
  type PunchDescription,
  TcpPunch,
  type TcpPunchOptions,
} from "../protocol/punch/mod.ts";
import {
  openSharedTcpPort,
  type OpenSharedTcpPortOptions,
  type StreamConnection,
  type TcpPortSharing,
} from "../transport/mod.ts";
import type { AddressFamily, StunUri } from "../wire/mod.ts";
import { JoinedStream } from "./_joined_stream.ts";
import { orAborted } from "./_or_aborted.ts";
import { ownDescription } from "./_own_description.ts";
import { TcpMapping } from "./_tcp_mapping.ts";
import { TcpPunchRun, type TcpPunchRunOptions } from "./_tcp_punch_run.ts";
import { PunchError } from "./punch_error.ts";
import type { PunchSignalling } from "./punch_signalling.ts";

/** How {@linkcode punchTcp} works. */
export interface PunchTcpOptions {
  /**
   * `stun:` URIs of servers that tell this side's public address and, with connections that stay
   * open, hold it; with two or more it shows whether the NAT gives each destination another port.
   */
  readonly servers: readonly (string | StunUri)[];
  /** How the two sides exchange their descriptions. */
  readonly signalling: PunchSignalling;
  /** What is known of this side's NAT, to explain a failure. @default what the servers show */
  readonly side?: PunchSide | undefined;
  /** The local port; 0 lets the system choose. @default {0} */
  readonly localPort?: number | undefined;
  /** How connecting and listening share it. @default {"auto"} */
  readonly sharing?: OpenSharedTcpPortOptions["sharing"];
  /** Only over this family. @default {undefined} IPv4 where a server has it, else IPv6 */
  readonly family?: AddressFamily | undefined;
  /**
   * ms after which to give up, from the moment when both sides may begin; up to 5 s more if only the
   * other side's agreement is missing.
   *
   * @default {15_000}
   */
  readonly timeoutMs?: number | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Makes the secrets of the punch, and its chances. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/** A connection to the other side. */
export interface PunchedTcp {
  /** The connection, which is the caller's to close. Nobody encrypts it. */
  readonly connection: StreamConnection;
  /** The other side's candidate that it leads to; undefined if it had not announced the address. */
  readonly candidate: PunchCandidate | undefined;
  /** What each side has told the other. */
  readonly descriptions: {
    /** This side. */
    readonly local: PunchDescription;
    /** The other side. */
    readonly remote: PunchDescription;
  };
  /** Whether this side has dialled; else it was dialled. */
  readonly dialled: boolean;
  /** How often this side has dialled. */
  readonly attempts: number;
  /** ms from the moment when this side began to dial. */
  readonly elapsedMs: number;
  /** How connecting and listening shared the port. */
  readonly sharing: TcpPortSharing;
}

/**
 * Connects to another program over TCP, both of them behind NATs if need be: both dial each other, and
 * listen, on the one port whose public address a server has seen. Each proves to the other that it is
 * the one whose description was exchanged; strangers get nothing. What is written then is neither
 * encrypted nor protected: put TLS or SSH on top.
 *
 * @throws {PunchError} If the two do not come together, or it is given up (as a rejection).
 * @throws {QueryError} If no server's name leads to an address (as a rejection).
 * @throws {ListenError} If the local port cannot be had (as a rejection).
 * @throws {RangeError} If there is no server or one is not a `stun:` URI (as a rejection).
 */
export async function punchTcp(options: PunchTcpOptions): Promise<PunchedTcp> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    return await punch({ ...options, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new PunchError("Cannot punch over TCP: it was given up", {
      code: "aborted",
      cause: signal.reason,
    });
  }
}

type Options = PunchTcpOptions & { readonly signal: AbortSignal };

async function punch(options: Options): Promise<PunchedTcp> {
  const { clock = systemClock, randomness = systemRandomness, signal } = options;
  const servers = await resolveServers(options.servers, { ...options, purpose: "punch over TCP" });
  const family = servers[0]!.ip.length === 4 ? 4 : 6;
  const port = await openSharedTcpPort({
    ip: new Uint8Array(family === 4 ? 4 : 16),
    port: options.localPort ?? 0,
    sharing: options.sharing,
  });
  using _ = { [Symbol.dispose]: () => port.close() };
  await using mapping = new TcpMapping({ port, servers, clock, randomness, signal });
  const local = ownDescription({
    transport: "tcp",
    findings: await mapping.findings(),
    side: options.side,
    randomness,
  });
  // The other side may be the first to dial
  port.listen();
  const { signalling, timeoutMs } = options;
  await orAborted(signalling.send(local), signal);
  const remote = await orAborted(signalling.receive(signal), signal);
  const randomBytes = (length: number) => randomness.bytes(length);
  const punch = begin({ local, remote, family, timeoutMs, randomBytes });
  if (signalling.ready !== undefined) await orAborted(signalling.ready(signal), signal);
  return await meet({ port, punch, clock, signal, descriptions: { local, remote } });
}

interface Meeting extends TcpPunchRunOptions, Pick<PunchedTcp, "descriptions"> {}

async function meet({ descriptions, ...options }: Meeting): Promise<PunchedTcp> {
  const { port, punch, clock } = options;
  const begun = clock.now();
  await using run = new TcpPunchRun(options);
  using _ = { [Symbol.dispose]: () => port.close() };
  const outcome = await run.outcome;
  if (outcome.kind === "failed") {
    throw new PunchError(`Cannot punch over TCP: ${outcome.reason}`, { code: outcome.code });
  }
  return {
    connection: new JoinedStream(run.take(outcome.connection), outcome.rest),
    candidate: outcome.candidate,
    descriptions,
    dialled: outcome.dialled,
    attempts: punch.attempts,
    elapsedMs: clock.now() - begun,
    sharing: port.sharing,
  };
}

/** Whose description comes from elsewhere is not to blame for it. */
function begin(options: TcpPunchOptions): TcpPunch {
  try {
    return new TcpPunch(options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PunchError(error.message, { code: "unusable", cause: error });
  }
}
