import type { PunchDescription } from "../../../lib/protocol/punch/mod.ts";
import { simAddress } from "../../sim/mod.ts";

/** A description with the credentials of RFC 5769's samples and one candidate, but for what is given. */
export function punchDescription(other: Partial<PunchDescription> = {}): PunchDescription {
  return {
    transport: "udp",
    usernameFragment: "evtj",
    password: "VOkJxbRl1RmTxUk/WvJxBt",
    tieBreaker: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    candidates: [{ kind: "reflexive", address: simAddress("192.0.2.3:45664") }],
    ...other,
  };
}

/** The description of the side that {@linkcode punchDescription}'s meets: it has the smaller tie breaker, so it is controlled. */
export function otherDescription(other: Partial<PunchDescription> = {}): PunchDescription {
  return punchDescription({
    usernameFragment: "h6vY",
    password: "asd88fgpdd777uzjYhagZg",
    tieBreaker: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9),
    candidates: [{ kind: "host", address: simAddress("198.51.100.7:5000") }],
    ...other,
  });
}
