import { parseStunUri } from "../../wire/mod.ts";

/**
 * Those of the STUN URIs of a server, such as a board's `welcome` names them, that a punch is to ask:
 * `stun:` alone, one of each host, as two ports of one host tell no more of a NAT than one does; four
 * at most.
 */
export function choosePunchServers(uris: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return uris.filter((uri) => {
    const parsed = parseStunUri(uri);
    if (!parsed.ok || parsed.value.scheme !== "stun" || seen.has(parsed.value.host)) return false;
    seen.add(parsed.value.host);
    return true;
  }).slice(0, MAX_SERVERS);
}

/** Two of each family; who names them is a stranger, and is not to choose whom a crowd of peers asks. */
const MAX_SERVERS = 4;
