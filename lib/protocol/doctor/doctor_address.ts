import {
  equalIps,
  equalSocketAddresses,
  formatSocketAddress,
  isUnspecifiedIp,
  MAPPED_ADDRESS,
  readAttribute,
  type SocketAddress,
  type StunMessage,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../wire/mod.ts";
import { type DoctorFinding, fail, pass, warn } from "./doctor_report.ts";

/** What else is known of the address that an answer tells. */
export interface ReflexiveContext {
  /** The socket's own address; the IP address may be all zeros. */
  readonly local: SocketAddress;
  /** Where the server is. */
  readonly server: SocketAddress;
  /** What the same socket was told in the dialect of RFC 3489. @default {undefined} not asked */
  readonly classic?: SocketAddress | undefined;
}

/** Whether the reflexive address in a success answer can be true, or even is. */
export function judgeReflexive(message: StunMessage, context: ReflexiveContext): DoctorFinding {
  const { local, server } = context;
  const read = readAttribute(message, XOR_MAPPED_ADDRESS);
  if (read === undefined) return fail("the answer has no XOR-MAPPED-ADDRESS");
  if (!read.ok) return fail(read.reason);
  const reflexive = read.value;
  const name = formatSocketAddress(reflexive);
  if (reflexive.ip.length !== server.ip.length) {
    return fail(`${name} is of another family than the request`);
  }
  if (reflexive.port === 0 || isUnspecifiedIp(reflexive.ip)) return fail(`${name} is no address`);
  const plain = valueOf(message, MAPPED_ADDRESS) ?? context.classic;
  const unmasked = valueOf(message, { ...MAPPED_ADDRESS, type: XOR_MAPPED_ADDRESS.type });
  if (
    unmasked !== undefined &&
    [plain, local].some((one) => one && equalSocketAddresses(one, unmasked))
  ) {
    return fail(`XOR-MAPPED-ADDRESS holds ${formatSocketAddress(unmasked)} without the XOR`);
  }
  const direct = isLoopback(server.ip) || equalIps(reflexive.ip, local.ip);
  if (direct && !isOwn(reflexive, local)) {
    const own = formatSocketAddress(local);
    return fail(`${name} is not this host's ${own}, and there should be no NAT between`);
  }
  if (plain !== undefined && !equalSocketAddresses(plain, reflexive)) {
    const differ = `MAPPED-ADDRESS says ${formatSocketAddress(plain)}, the other ${name}`;
    // A NAT that rewrites addresses in packets does just this (RFC 8489 section 14.2)
    return direct ? fail(differ) : warn(`${differ}; a NAT may have rewritten it`);
  }
  return pass(
    direct
      ? `${name}, as the socket itself says`
      : `${name}; behind a NAT there is nothing to compare it with`,
  );
}

/** Whether an address is one of the host's own to itself, where there is no NAT. */
export function isLoopback(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] === 127 : ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

/** The socket of an unspecified address could have any; its port tells all the same. */
function isOwn(reflexive: SocketAddress, local: SocketAddress): boolean {
  return reflexive.port === local.port &&
    (isUnspecifiedIp(local.ip) ? isLoopback(reflexive.ip) : equalIps(reflexive.ip, local.ip));
}
