import {
  type AddressFamily,
  type Decoded,
  decoded,
  parseStunUri,
  undecodable,
} from "../wire/mod.ts";
import type { CommandLine } from "./command_line.ts";
import { readNumberFlag } from "./number_flag.ts";
import { parseServiceTarget, type ServiceTarget } from "./service_target.ts";

/** What `pinhole punch` is to do. */
export interface PunchSettings {
  /** Over what the two sides are to meet. */
  readonly transport: "udp" | "tcp";
  /** `stun:` URIs, at least one. */
  readonly servers: readonly string[];
  /** The only family to use; the servers' first if it is not given. */
  readonly family: AddressFamily | undefined;
  /** The local port of the punch; any if it is not given. */
  readonly localPort: number | undefined;
  /** ms that the sides have for finding each other. */
  readonly timeoutMs: number;
  /** What this side's end of the path is. */
  readonly end: PunchEnd;
  /** Whether to tell in JSON. */
  readonly json: boolean;
}

/** What is joined to the path: standard input and output, a local port to connect to, or a service. */
export type PunchEnd =
  | { readonly kind: "standard" }
  | { readonly kind: "forward"; readonly port: number }
  | { readonly kind: "to"; readonly service: ServiceTarget };

/** Reads the command line of `pinhole punch`, which has been parsed; says what is wrong with it. */
export function readPunchSettings({ flags }: CommandLine): Decoded<PunchSettings> {
  const servers = [flags.get("server") ?? []].flat().map(String);
  if (servers.length === 0) return undecodable("Cannot punch: wanted --server stun:HOST[:PORT]");
  for (const server of servers) {
    const uri = parseStunUri(server);
    if (!uri.ok) return uri;
    if (uri.value.scheme === "stuns") {
      return undecodable(`Cannot punch through ${server}: wanted stun:`);
    }
  }
  for (const [one, other] of EXCLUDING) {
    if (flags.has(one) && flags.has(other)) {
      return undecodable(`Cannot punch: --${one} and --${other} exclude each other`);
    }
  }
  const localPort = readNumberFlag(flags, "local-port", PORT);
  const forward = readNumberFlag(flags, "forward", PORT);
  const timeout = readNumberFlag(flags, "timeout", { unit: "seconds", most: 3600 });
  for (const number of [localPort, forward, timeout]) {
    if (typeof number === "string") return undecodable(number);
  }
  const to = flags.get("to");
  const service = to === undefined ? undefined : parseServiceTarget(String(to));
  if (service?.ok === false) return service;
  return decoded({
    transport: flags.has("udp") ? "udp" : "tcp",
    servers,
    family: flags.has("ipv4") ? 4 : flags.has("ipv6") ? 6 : undefined,
    localPort: localPort as number | undefined,
    timeoutMs: 1000 * (timeout as number | undefined ?? DEFAULT_TIMEOUT_SECONDS),
    end: endOf(forward as number | undefined, service?.value),
    json: flags.has("json"),
  });
}

function endOf(port: number | undefined, service: ServiceTarget | undefined): PunchEnd {
  if (port !== undefined) return { kind: "forward", port };
  return service === undefined ? { kind: "standard" } : { kind: "to", service };
}

const EXCLUDING = [["udp", "tcp"], ["ipv4", "ipv6"], ["forward", "to"]] as const;
const PORT = { unit: "a port of", least: 1, most: 65_535, whole: true };

/** People paste codes one after the other: whoever has both begins, and waits for the other side. */
const DEFAULT_TIMEOUT_SECONDS = 60;
