import {
  type AddressFamily,
  type Decoded,
  decoded,
  parseStunUri,
  undecodable,
} from "../wire/mod.ts";
import type { CommandLine } from "./command_line.ts";

/** Which servers a command asks, and over which family. */
export interface ServerChoice {
  /** `stun:` URIs, at least one. */
  readonly servers: readonly string[];
  /** The only family, if there is to be one only. */
  readonly family: AddressFamily | undefined;
}

/** What {@linkcode readServerChoice} reads. */
export interface ServerChoiceOptions {
  /** The flags, of which `ipv4` and `ipv6` are looked at. */
  readonly flags: CommandLine["flags"];
  /** The URIs that were given. */
  readonly servers: readonly string[];
  /** What a complaint begins with: `Cannot test`, say. */
  readonly attempt: string;
  /** What is wanted where no server was given. */
  readonly wanted: string;
}

/** Checks the servers of a command that can use no TLS; says what is wrong with them. */
export function readServerChoice(options: ServerChoiceOptions): Decoded<ServerChoice> {
  const { flags, servers, attempt, wanted } = options;
  if (servers.length === 0) return undecodable(`${attempt}: wanted ${wanted}`);
  for (const server of servers) {
    const uri = parseStunUri(server);
    if (!uri.ok) return uri;
    if (uri.value.scheme === "stuns") {
      return undecodable(`${attempt} with ${server}: wanted stun:`);
    }
  }
  if (flags.has("ipv4") && flags.has("ipv6")) {
    return undecodable(`${attempt}: -4 and -6 exclude each other`);
  }
  return decoded({ servers, family: flags.has("ipv4") ? 4 : flags.has("ipv6") ? 6 : undefined });
}
