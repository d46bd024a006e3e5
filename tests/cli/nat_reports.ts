import type {
  BindingLifetime,
  NatEvidence,
  NatReport,
  TcpNatReport,
  UdpNatReport,
} from "../../lib/protocol/discovery/mod.ts";
import { parseSocketAddress, type SocketAddress } from "../../lib/wire/mod.ts";

/** What a lifetime of two minutes looks like. */
export const TWO_MINUTES: BindingLifetime = {
  measured: true,
  aliveMs: 118_000,
  goneMs: 122_000,
  reason: "a mapping was alive after a rest of 118 s and gone after 122 s",
};

/** UDP behind a port-restricted NAT, but for what is given. */
export function udpReport(other: Partial<UdpNatReport> = {}): UdpNatReport {
  const filtering = {
    value: "address-and-port-dependent",
    confidence: "high",
    reason: "nothing came in from another port of 203.0.113.1:3478 before it had been sent to",
  } as const;
  return {
    reachable: true,
    reflexive: at("203.0.113.11:40000"),
    local: at("192.168.1.2:40000"),
    mapping: {
      value: "endpoint-independent",
      confidence: "high",
      reason: "2 server addresses see the same outside endpoint of one socket",
      depends: false,
    },
    filtering,
    classic: "port-restricted-cone",
    hairpinning: {
      value: "no",
      confidence: "high",
      reason: "packets between the outside endpoints of two ports of this host do not arrive",
    },
    portPreservation: {
      value: "yes",
      confidence: "high",
      reason: "13 of 13 answers show the port of the socket itself",
    },
    servers: [{
      address: at("203.0.113.1:3478"),
      answered: true,
      other: at("198.51.100.1:3479"),
      filtering,
    }],
    evidence: [ANSWERED, UNANSWERED],
    ...other,
  };
}

/** TCP behind the same NAT with a server that does not know DIAL-BACK, but for what is given. */
export function tcpReport(other: Partial<TcpNatReport> = {}): TcpNatReport {
  return {
    reachable: true,
    reflexive: at("203.0.113.11:40001"),
    local: at("192.168.1.2:40001"),
    mapping: {
      value: "endpoint-independent",
      confidence: "high",
      reason: "2 server addresses see the same outside endpoint of one socket",
      depends: false,
    },
    filtering: {
      value: "unknown",
      confidence: "none",
      reason: "this cannot be told: the server does not know DIAL-BACK",
    },
    classic: "unknown",
    evidence: [DIALLED],
    ...other,
  };
}

/** Reads `192.0.2.1:3478`. */
export function at(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.reason);
  return parsed.value;
}

/** Evidence of an answer. */
const ANSWERED: NatEvidence = {
  transport: "udp",
  socket: "hello 1",
  local: at("192.168.1.2:40000"),
  to: at("203.0.113.1:3478"),
  asks: "binding",
  from: at("203.0.113.1:3478"),
  reflexive: at("203.0.113.11:40000"),
  attempts: 1,
  rttMs: 12.345678,
};
/** Evidence of a silence. */
const UNANSWERED: NatEvidence = {
  transport: "udp",
  socket: "filter port 1",
  local: at("192.168.1.2:40002"),
  to: at("203.0.113.1:3478"),
  asks: "answer from another port",
  attempts: 14,
};
/** Evidence of a refusal. */
const DIALLED: NatEvidence = {
  transport: "tcp",
  socket: "filter",
  local: at("192.168.1.2:40001"),
  to: at("203.0.113.1:3478"),
  asks: "dial-back from another port",
  from: at("203.0.113.1:3478"),
  errorCode: 420,
  note: "no DIAL-BACK-RESULT",
  attempts: 1,
  rttMs: 3,
};

/** A host behind a port-restricted NAT, as a server with RFC 5780 shows it. */
export const PORT_RESTRICTED: NatReport = {
  family: 4,
  udp: udpReport(),
  tcp: tcpReport(),
  lifetime: undefined,
  fragments: undefined,
};
