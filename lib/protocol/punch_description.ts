import type { SocketAddress } from "../wire/mod.ts";
import type { PunchSide } from "./punch_prediction.ts";

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
  /** Its password, at least 22 such characters, 128 bits. */
  readonly password: string;
  /** 8 random bytes: the side whose number is larger chooses the path (RFC 8445 section 7.3.1.1). */
  readonly tieBreaker: Uint8Array;
  /** Where it may be found, the best first. */
  readonly candidates: readonly PunchCandidate[];
  /** What its NAT does, where it knows: to explain a failure. */
  readonly side?: PunchSide | undefined;
}
