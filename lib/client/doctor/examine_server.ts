import { type Clock, type Randomness, systemClock, systemRandomness } from "../../ops/mod.ts";
import {
  doctorExamination,
  type DoctorPlan,
  type DoctorReport,
} from "../../protocol/doctor/mod.ts";
import { ResolveError } from "../../transport/mod.ts";
import {
  type AddressFamily,
  parseStunUri,
  type SocketAddress,
  socketAddress,
  type StunUri,
  stunUriPort,
} from "../../wire/mod.ts";
import { DoctorRunner } from "./doctor_runner.ts";
import { QueryError } from "../mod.ts";
import { type Resolver, systemResolver } from "../mod.ts";
import { abortError } from "../mod.ts";

/** How {@linkcode examineServer} examines. */
export interface ExamineServerOptions {
  /** Only this family. @default {undefined} IPv4 where the server has it; the other is tried too */
  readonly family?: AddressFamily | undefined;
  /** What to examine of the server of a `stun:` URI. @default {["udp", "tcp"]} */
  readonly transports?: readonly ("udp" | "tcp")[] | undefined;
  /** The port on which that server speaks TLS. @default {undefined} TLS is not examined */
  readonly tlsPort?: number | undefined;
  /** TLS: authorities to trust beside those that Deno trusts anyway, in PEM. @default {[]} */
  readonly caCerts?: readonly string[] | undefined;
  /** For how many ms to see whether a connection is held; 0 for not at all. @default {5000} */
  readonly holdMs?: number | undefined;
  /** How many requests to measure loss and latency with. @default {10} */
  readonly requests?: number | undefined;
  /** Told what is being looked at. */
  readonly onProgress?: ((title: string) => void) | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /** Looks names up. @default this host's resolver */
  readonly resolver?: Resolver | undefined;
  /** Tells the time. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Chooses the transaction ids. @default {systemRandomness} */
  readonly randomness?: Randomness | undefined;
}

/**
 * Examines a STUN server, whoever made it, from its client's side: some sixty datagrams over UDP, of
 * which a dozen are meant to be wrong, and some eight connections, each rule by itself. What a server
 * is, or is not, is in the report; silence as well.
 *
 * @param server `stun:HOST[:PORT]` for UDP and TCP, `stuns:HOST[:PORT]` for TLS alone.
 * @throws {QueryError} If its name leads to no address, or it is given up (as a rejection).
 * @throws {RangeError} If it is not a STUN URI, or a number is out of range (as a rejection).
 */
export async function examineServer(
  server: string | StunUri,
  options: ExamineServerOptions = {},
): Promise<DoctorReport> {
  const uri = readUri(server);
  const { clock = systemClock, randomness = systemRandomness, signal, caCerts } = options;
  const limits = readLimits(options);
  const places = await resolve(uri, options);
  const plan = { ...limits, ...places, transactionId: () => randomness.bytes(12) };
  using runner = new DoctorRunner({ hostname: uri.host, caCerts, clock, signal });
  const steps = doctorExamination(plan);
  let next = steps.next();
  while (!next.done) {
    const { title, step } = next.value;
    options.onProgress?.(title);
    next = steps.next(await runner.run(step));
  }
  return next.value;
}

function readUri(server: string | StunUri): StunUri {
  if (typeof server !== "string") return server;
  const parsed = parseStunUri(server);
  if (!parsed.ok) throw new RangeError(parsed.reason);
  return parsed.value;
}

function readLimits(options: ExamineServerOptions): Pick<DoctorPlan, "holdMs" | "requests"> {
  const { holdMs = 5000, requests = 10 } = options;
  if (!(holdMs >= 0 && holdMs <= MAX_HOLD_MS)) {
    throw new RangeError(`Cannot examine: holdMs is ${holdMs}, wanted 0 to ${MAX_HOLD_MS}`);
  }
  if (!(Number.isInteger(requests) && requests >= 1 && requests <= MAX_REQUESTS)) {
    throw new RangeError(`Cannot examine: requests is ${requests}, wanted 1 to ${MAX_REQUESTS}`);
  }
  return { holdMs, requests };
}

/** Where the server is for each transport that is to be examined. */
async function resolve(
  uri: StunUri,
  options: ExamineServerOptions,
): Promise<Pick<DoctorPlan, "servers" | "otherFamily">> {
  const { transports = ["udp", "tcp"], tlsPort, family, signal } = options;
  const { resolver = systemResolver } = options;
  let ips: readonly Uint8Array[];
  try {
    ips = await resolver.resolveHost(uri.host, { family, signal });
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    if (!(error instanceof ResolveError)) throw error;
    throw new QueryError(error.message, { code: error.code, cause: error });
  }
  const ip = ips.find(({ length }) => length === 4) ?? ips[0]!;
  const at = (port: number): SocketAddress => socketAddress(ip, port);
  const port = stunUriPort(uri);
  if (uri.scheme === "stuns") return { servers: { tls: at(port) } };
  const other = ips.find(({ length }) => length !== ip.length);
  return {
    servers: {
      udp: transports.includes("udp") ? at(port) : undefined,
      tcp: transports.includes("tcp") ? at(port) : undefined,
      tls: tlsPort === undefined ? undefined : at(tlsPort),
    },
    otherFamily: other && socketAddress(other, port),
  };
}

/** A day, after which nothing new is to be learnt. */
const MAX_HOLD_MS = 86_400_000;
/** 50 s of them; more is a load test. */
const MAX_REQUESTS = 1000;
