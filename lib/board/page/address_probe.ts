/// <reference lib="dom" />
import { judgeAddresses, type SeenAddress } from "./address_verdict.ts";
import type { AddressVerdict } from "./address_verdict.ts";

/**
 * Asks STUN servers through the browser for its public addresses.
 *
 * @param stun STUN URIs (RFC 7064); two that stand for two addresses of a server tell the mapping.
 */
export async function probeAddresses(stun: readonly string[]): Promise<AddressVerdict> {
  if (typeof RTCPeerConnection !== "function") {
    return judgeAddresses({ supported: false, seen: [], silent: 0, servers: stun.length });
  }
  const connection = new RTCPeerConnection({ iceServers: stun.map((urls) => ({ urls })) });
  const seen: SeenAddress[] = [];
  const silent = new Set<string>();
  const done = Promise.withResolvers<void>();
  const timer = setTimeout(done.resolve, GATHERING_MS);
  try {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) return done.resolve();
      const { type, protocol, address, port } = candidate;
      if (protocol !== "udp" || address === null || port === null) return;
      if (type === "srflx" || type === "host") seen.push({ type, ip: address, port });
    };
    connection.onicecandidateerror = ({ url }) => silent.add(url);
    connection.createDataChannel("probe");
    await connection.setLocalDescription();
    await done.promise;
  } finally {
    clearTimeout(timer);
    connection.close();
  }
  return judgeAddresses({ supported: true, seen, silent: silent.size, servers: stun.length });
}

/** A browser gives a silent server some ten seconds. */
const GATHERING_MS = 15_000;
