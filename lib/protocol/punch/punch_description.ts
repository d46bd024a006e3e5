import { isUnspecifiedIp, type SocketAddress } from "../../wire/mod.ts";
import type { PunchSide } from "../discovery/mod.ts";

/** Where one side of a punch may be found. */
export interface PunchCandidate {
  /**
   * `host`: its own address; `reflexive`: where a server saw it; `predicted`: where its NAT may map it
   * next, if it maps each destination anew.
   */
  readonly kind: "host" | "reflexive" | "predicted";
  /** The address. */
  readonly address: SocketAddress;
}

/** What one side of a punch tells the other, by whatever way the two have. */
export interface PunchDescription {
  /** Over what the two are to meet. */
  readonly transport: "udp" | "tcp";
  /** Its half of the user name (RFC 8445 section 5.3): 4 to 256 characters of A-Z a-z 0-9 + /. */
  readonly usernameFragment: string;
  /** Its password, 22 to 256 such characters, 128 bits at least. */
  readonly password: string;
  /** 8 random bytes: the side whose number is larger chooses the path (RFC 8445 section 7.3.1.1). */
  readonly tieBreaker: Uint8Array;
  /** Where it may be found, the best first; {@linkcode MAX_PUNCH_CANDIDATES} at most. */
  readonly candidates: readonly PunchCandidate[];
  /** What its NAT does, where it knows: to explain a failure. */
  readonly side?: PunchSide | undefined;
}

/**
 * What keeps a description from being used; undefined if nothing does. It comes from the other side
 * by whatever way, so it is looked at before anything is sent to an address that it names.
 */
export function punchDescriptionProblem(description: PunchDescription): string | undefined {
  const { usernameFragment, password, tieBreaker, candidates } = description;
  if (!/^[A-Za-z0-9+/]{4,256}$/.test(usernameFragment)) {
    return "the user name fragment is not 4 to 256 characters of A-Z a-z 0-9 + /";
  }
  if (!/^[A-Za-z0-9+/]{22,256}$/.test(password)) {
    return "the password is not 22 to 256 characters of A-Z a-z 0-9 + /";
  }
  if (tieBreaker.length !== 8) {
    return `the tie breaker has ${tieBreaker.length} bytes, wanted 8`;
  }
  if (candidates.length > MAX_PUNCH_CANDIDATES) {
    return `there are ${candidates.length} candidates, the most is ${MAX_PUNCH_CANDIDATES}`;
  }
  const bad = candidates.findIndex(({ address }) => !canBeSentTo(address));
  return bad < 0 ? undefined : `candidate ${bad + 1} is no address that can be sent to`;
}

/** One host's address: not "any", nor many hosts', nor port 0. */
function canBeSentTo({ ip, port }: SocketAddress): boolean {
  if (!Number.isInteger(port) || port < 1 || port > 65535) return false;
  if (ip.length === 4) return ip[0]! > 0 && ip[0]! < 224; // 224.0.0.0/4 multicast, then reserved
  return ip.length === 16 && ip[0] !== 0xff && !isUnspecifiedIp(ip);
}

/**
 * The most candidates of one description: two servers' reflexive addresses, some of its own and the
 * predicted ones are fewer, and it is little that somebody could have sent to strangers.
 */
export const MAX_PUNCH_CANDIDATES = 16;
