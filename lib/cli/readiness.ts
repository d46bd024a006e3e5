import type { Readiness } from "../ops/http/mod.ts";
import { ipInPrefix, parseIpPrefix } from "../protocol/mod.ts";
import type { StunServerListener } from "../server/mod.ts";
import { formatSocketAddress, isUnspecifiedIp, socketAddress } from "../wire/mod.ts";

/**
 * Whether the server answers: a Binding request to each of its own sockets, over UDP and TCP. A
 * refusal is an answer too, so a server that wants credentials is ready. Sockets that cannot be
 * asked from this host are said to be skipped.
 */
export async function checkReadiness(
  listeners: readonly StunServerListener[],
  proxies: readonly string[],
): Promise<Readiness> {
  const checks = await Promise.all(listeners.map((listener) => check(listener, proxies)));
  return { ready: checks.every(({ ok }) => ok), detail: checks.map(({ line }) => line) };
}

async function check(
  { transport, address }: StunServerListener,
  proxies: readonly string[],
): Promise<{ readonly ok: boolean; readonly line: string }> {
  const name = `${transport} ${formatSocketAddress(address)}`;
  // A socket on every address is asked on the loopback one
  const target = isUnspecifiedIp(address.ip)
    ? socketAddress(address.ip.length === 4 ? LOOPBACK_IPV4 : LOOPBACK_IPV6, address.port)
    : address;
  if (transport === "tls") {
    return { ok: true, line: `${name}: skipped, the certificate is for others` };
  }
  const proxied = transport === "tcp" && proxies.some((text) => {
    const prefix = parseIpPrefix(text);
    return prefix.ok && ipInPrefix(target.ip, prefix.value);
  });
  if (proxied) return { ok: true, line: `${name}: skipped, wants a PROXY header` };
  // Not at the top: most servers are never asked, and would start a twentieth later
  const { query, QueryError } = await import("../client/mod.ts");
  try {
    await query(`stun:${formatSocketAddress(target)}`, { transport, timeoutMs: TIMEOUT_MS });
    return { ok: true, line: `${name}: answers` };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const ok = error.code === "error-response" || error.errorCode !== undefined;
    return { ok, line: `${name}: ${ok ? "answers" : error.code}` };
  }
}

const LOOPBACK_IPV4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_IPV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const TIMEOUT_MS = 2000;
