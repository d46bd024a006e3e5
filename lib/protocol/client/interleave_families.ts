/**
 * IP addresses of 4 and 16 bytes in the order in which a client tries them (RFC 8305 section 4): the
 * families by turns, beginning with that of the first address, so that a family that does not work
 * costs one attempt and not as many as it has addresses. Within a family the order stays.
 */
export function interleaveFamilies(ips: readonly Uint8Array[]): Uint8Array[] {
  const first = ips.filter((ip) => ip.length === ips[0]!.length);
  const second = ips.filter((ip) => ip.length !== ips[0]!.length);
  return Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [
    ...first.slice(i, i + 1),
    ...second.slice(i, i + 1),
  ]).flat();
}
