import { parseIp, type SocketAddress, socketAddress } from "../wire/mod.ts";

/** How far a {@linkcode ProxyHeaderReader} has come. */
export type ProxyHeaderState = ProxyHeaderWanting | ProxyHeaderDone | ProxyHeaderFailed;

/** The header is not complete. */
export interface ProxyHeaderWanting {
  /** More bytes are wanted. */
  readonly state: "need-more";
}

/** The header is complete. */
export interface ProxyHeaderDone {
  /** The header has been read. */
  readonly state: "done";
  /**
   * The client, as the balancer sees it. Absent, as is `destination`, if the balancer speaks for itself
   * (`local`) or does not know (UNKNOWN, UNSPEC, AF_UNIX).
   */
  readonly source?: SocketAddress;
  /** What the client connected to. */
  readonly destination?: SocketAddress;
  /** What the client speaks to the balancer; present when `source` is. */
  readonly transport?: "tcp" | "udp";
  /** Present if the balancer speaks for itself (LOCAL): a health check, to be answered as such. */
  readonly local?: true;
  /** The bytes of the last chunk that follow the header: the client's own. A view, not a copy. */
  readonly rest: Uint8Array;
}

/** The bytes are not a PROXY header. The connection is to be closed: nothing after them makes sense. */
export interface ProxyHeaderFailed {
  /** The header is refused. */
  readonly state: "failed";
  /** What was attempted, what was found and what was wanted, for a person. */
  readonly reason: string;
  /** Where it went wrong, in bytes since the beginning of the connection. */
  readonly offset: number;
}

/**
 * Reads the header with which a load balancer begins a connection to say whose it is: the PROXY
 * protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt sections 2.1 and 2.2). It does no input or
 * output: bytes go in, in pieces of any size, and the state is the same however they were cut. What
 * cannot be a header is refused at the first byte that shows it. Use it for connections from trusted
 * balancers only: whoever may send this header can claim any address.
 *
 * At most 107 bytes of version 1 (the longest line that there is) or 16 + 216 + 4096 bytes of version 2
 * are held: 216 is the longest address block (AF_UNIX), and 4096 is ample for the TLVs that balancers
 * add (host names, connection identifiers, a client certificate) while 10,000 connections that never
 * finish theirs stay below 50 MB.
 *
 * TLVs are skipped but for CRC32C, which is checked where it is present, as section 2.2.3 demands of a
 * receiver that knows it: what this header says is told to the client as the truth.
 */
export class ProxyHeaderReader {
  /** What has come so far, all of it header. */
  #held: Uint8Array = new Uint8Array(0);
  #failure: ProxyHeaderFailed | undefined;
  #done = false;

  /**
   * Takes the next bytes of the connection. `chunk` may be reused after the call; what is needed of an
   * incomplete header is copied. After a failure, every further call returns the same failure.
   *
   * @throws {TypeError} If the header has been read already.
   */
  push(chunk: Uint8Array): ProxyHeaderState {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#done) {
      throw new TypeError("Cannot read a PROXY header: it has been read, wanted no more bytes");
    }
    const before = this.#held.length;
    const bytes = before === 0 ? chunk : append(this.#held, chunk.subarray(0, MAX_BYTES - before));
    const result = readHeader(bytes);
    if (result === undefined) {
      this.#held = before === 0 ? bytes.slice() : bytes;
      return { state: "need-more" };
    }
    this.#held = new Uint8Array(0);
    if ("reason" in result) return this.#failure = { state: "failed", ...result };
    this.#done = true;
    const local = result.isLocal === true ? { local: true } as const : {};
    const rest = chunk.subarray(result.length - before);
    return { state: "done", ...result.endpoints, ...local, rest };
  }
}

interface Failure {
  readonly reason: string;
  readonly offset: number;
}

interface Endpoints {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly transport: "tcp" | "udp";
}

interface Header {
  /** The length of the whole header, in bytes. */
  readonly length: number;
  readonly isLocal?: boolean;
  readonly endpoints?: Endpoints;
}

/**
 * Undefined asks for more bytes. Each step looks at no byte beyond those that it waits for, so that the
 * outcome does not depend on how many bytes follow.
 */
function readHeader(bytes: Uint8Array): Header | Failure | undefined {
  const signature = bytes[0] === V1_SIGNATURE[0] ? V1_SIGNATURE : V2_SIGNATURE;
  for (let i = 0; i < Math.min(bytes.length, signature.length); i++) {
    if (bytes[i] !== signature[i]) return fail('wanted "PROXY " or the signature of version 2', i);
  }
  if (bytes.length < signature.length) return undefined;
  return signature === V1_SIGNATURE ? readLine(bytes) : readBlock(bytes);
}

/** Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 3478` and CRLF. */
function readLine(bytes: Uint8Array): Header | Failure | undefined {
  const end = bytes.subarray(0, MAX_V1_BYTES)
    .findIndex((byte, i, line) => byte === 0x0d && line[i + 1] === 0x0a);
  if (end < 0 && bytes.length < MAX_V1_BYTES) return undefined;
  if (end < 0) return fail(`no CRLF, wanted one within ${MAX_V1_BYTES} bytes`, MAX_V1_BYTES);
  const length = end + 2;
  const fields = String.fromCharCode(...bytes.subarray(0, end)).split(" ");
  const offsetOf = (index: number) => fields.slice(0, index).join(" ").length + 1;

  const protocol = fields[1]!;
  if (protocol === "UNKNOWN") return { length };
  const ipLength = protocol === "TCP4" ? 4 : protocol === "TCP6" ? 16 : undefined;
  if (ipLength === undefined) return fail("wanted the protocol TCP4, TCP6 or UNKNOWN", offsetOf(1));
  if (fields.length !== 6) {
    const offset = fields.length < 6 ? end : offsetOf(6);
    return fail(`${fields.length} fields in the line, wanted 6`, offset);
  }
  const ips: Uint8Array[] = [];
  for (const index of [2, 3]) {
    const ip = parseIp(fields[index]!);
    if (!ip.ok || ip.value.length !== ipLength) {
      return fail(`wanted an address of ${protocol}`, offsetOf(index));
    }
    ips.push(ip.value);
  }
  for (const index of [4, 5]) {
    if (!/^(0|[1-9][0-9]{0,4})$/.test(fields[index]!) || Number(fields[index]) > 65535) {
      return fail("wanted a port of 0 to 65535", offsetOf(index));
    }
  }
  const source = socketAddress(ips[0]!, Number(fields[4]));
  const destination = socketAddress(ips[1]!, Number(fields[5]));
  return { length, endpoints: { source, destination, transport: "tcp" } };
}

/**
 * Version 2:
 *
 * ```text
 * signature(96) | version(4) = 2 | command(4) | family(4) | transport(4) | length(16) | addresses | TLVs
 * ```
 */
function readBlock(bytes: Uint8Array): Header | Failure | undefined {
  if (bytes.length < 13) return undefined;
  const command = bytes[12]! & 0x0f;
  if (bytes[12]! >> 4 !== 2) return fail(`version ${bytes[12]! >> 4}, wanted 2`, 12);
  if (command > 1) return fail(`command ${command}, wanted LOCAL (0) or PROXY (1)`, 12);
  const isLocal = command === 0;

  if (bytes.length < 14) return undefined;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 0x0f;
  // What a LOCAL header says about addresses is to be ignored, were it nonsense.
  if (!isLocal && family > 3) return fail(`address family ${family}, wanted 0 to 3`, 13);
  if (!isLocal && transport > 2) return fail(`transport ${transport}, wanted 0 to 2`, 13);

  if (bytes.length < 16) return undefined;
  const blockLength = bytes[14]! << 8 | bytes[15]!;
  const length = V2_FIXED_BYTES + blockLength;
  if (length > MAX_BYTES) {
    return fail(
      `${blockLength} bytes of addresses and TLVs, wanted at most ${MAX_BLOCK_BYTES}`,
      14,
    );
  }
  const addressLength = V2_ADDRESS_BYTES[family] ?? 0;
  if (!isLocal && blockLength < addressLength) {
    return fail(`${blockLength} bytes of addresses, wanted at least ${addressLength}`, 14);
  }

  if (bytes.length < length) return undefined;
  // Without a family nobody can tell where the addresses end and the TLVs begin.
  if (isLocal || family === 0) return { length, isLocal };
  const failure = checkTlvs(bytes.subarray(0, length), V2_FIXED_BYTES + addressLength);
  if (failure !== undefined) return failure;
  if (family === 3 || transport === 0) return { length };

  const ipLength = family === 1 ? 4 : 16;
  const ports = V2_FIXED_BYTES + 2 * ipLength;
  const endpoint = (index: number) => {
    const at = V2_FIXED_BYTES + index * ipLength;
    const port = bytes[ports + 2 * index]! << 8 | bytes[ports + 2 * index + 1]!;
    return socketAddress(bytes.slice(at, at + ipLength), port);
  };
  return {
    length,
    endpoints: {
      source: endpoint(0),
      destination: endpoint(1),
      transport: transport === 1 ? "tcp" : "udp",
    },
  };
}

/** Walks `type(8) length(16) value`; `header` is the whole header. */
function checkTlvs(header: Uint8Array, start: number): Failure | undefined {
  for (let at = start; at < header.length;) {
    const value = at + 3;
    if (value > header.length) return fail("the last TLV is cut off", at);
    const end = value + (header[at + 1]! << 8 | header[at + 2]!);
    if (end > header.length) return fail("a TLV is longer than the header", at);
    if (header[at] === TLV_CRC32C) {
      if (end - value !== 4) return fail(`a checksum of ${end - value} bytes, wanted 4`, at);
      const copy = header.slice();
      copy.fill(0, value, end);
      const stated = new DataView(header.buffer, header.byteOffset).getUint32(value);
      if (crc32c(copy) !== stated) return fail("its checksum does not match its bytes", at);
    }
    at = end;
  }
  return undefined;
}

/** CRC-32C (RFC 9260 appendix A), bit by bit: it runs once per connection. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function append(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function fail(what: string, offset: number): Failure {
  return { reason: `Cannot read a PROXY header: ${what}`, offset };
}

/** `PROXY ` */
const V1_SIGNATURE = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59, 0x20);
const V2_SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);
const MAX_V1_BYTES = 107;
const V2_FIXED_BYTES = 16;
/** By address family: unspecified, IPv4, IPv6, Unix. */
const V2_ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const MAX_BLOCK_BYTES = 216 + 4096;
const MAX_BYTES = V2_FIXED_BYTES + MAX_BLOCK_BYTES;
const TLV_CRC32C = 0x03;
