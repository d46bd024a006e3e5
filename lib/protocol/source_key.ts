/** What counts as one source: an IPv4 address, or the /64 that one IPv6 customer can use as he likes. */
export function sourceKey(ip: Uint8Array): string {
  return (ip.length === 4 ? ip : ip.subarray(0, 8)).join(".");
}
