import {
  crc32,
  type Decoded,
  decoded,
  type DecodeFailure,
  type SocketAddress,
  socketAddress,
  undecodable,
  WireWriter,
} from "../../wire/mod.ts";
import type { NatFiltering, NatMapping } from "../discovery/mod.ts";
import {
  MAX_PUNCH_CANDIDATES,
  type PunchCandidate,
  type PunchDescription,
  punchDescriptionProblem,
} from "./punch_description.ts";
import type { PunchSide } from "../discovery/mod.ts";

/**
 * Writes a description as a code that people copy and paste: `pin1`, where 1 is the version, and then
 * in base64url without padding
 *
 * ```text
 * length(16)         of all that follows, so that a code that was cut off can be told
 * flags(8)           1 TCP, 2 a side is described
 * tie breaker(64)
 * length(16) user name fragment    length(16) password
 * side(8)            only if flagged: 0 reachable(1) depends(1) mapping(3) filtering(2)
 * count(8) candidates: kind(4) family(4) port(16) address(32 or 128)
 * CRC-32(32)         over all before it
 * ```
 *
 * Some 100 characters. Whoever has both codes of a punch can take part in it: they are secrets until
 * the punch is over.
 *
 * @throws {RangeError} If the description is not one that can be used.
 */
export function encodePunchCode(description: PunchDescription): string {
  const problem = punchDescriptionProblem(description);
  if (problem !== undefined) throw new RangeError(`Cannot write a punch code: ${problem}`);
  const { transport, side, candidates } = description;
  const into = new WireWriter();
  into.u16(0);
  into.u8((transport === "tcp" ? TCP : 0) | (side === undefined ? 0 : HAS_SIDE));
  into.bytes(description.tieBreaker);
  writeText(description.usernameFragment, into);
  writeText(description.password, into);
  if (side !== undefined) into.u8(packSide(side));
  into.u8(candidates.length);
  for (const { kind, address: { ip, port } } of candidates) {
    into.u8(KINDS.indexOf(kind) << 4 | (ip.length === 4 ? 4 : 6));
    into.u16(port);
    into.bytes(ip);
  }
  into.patchU16(0, into.length - 2 + CRC_BYTES);
  into.u32(crc32(into.view));
  return PREFIX + toBase64Url(into.view);
}

/**
 * Reads such a code. It is strict: what it takes, {@linkcode encodePunchCode} writes in the same
 * characters.
 */
export function decodePunchCode(code: string): Decoded<PunchDescription> {
  const version = /^pin([0-9])/.exec(code)?.[1];
  if (version === undefined) return unreadable("it does not begin with pin1 as a code does");
  if (version !== "1") {
    return unreadable(
      `it is of version ${version}, wanted 1; does the other side run a newer one?`,
    );
  }
  if (code.length > MAX_CODE_CHARACTERS) {
    return unreadable(`it has ${code.length} characters, the most is ${MAX_CODE_CHARACTERS}`);
  }
  const bad = code.search(/[^A-Za-z0-9_-]/);
  if (bad >= 0) return unreadable(`character ${bad + 1} is none that a code has`, bad);
  const bytes = fromBase64Url(code.slice(PREFIX.length));
  if (bytes === undefined || bytes.length < 2) return unreadable("it was cut off");
  const wanted = 2 + viewOf(bytes).getUint16(0);
  if (bytes.length < wanted) return unreadable("it was cut off", code.length);
  if (bytes.length > wanted) return unreadable("there is something behind it");
  if (wanted < 2 + CRC_BYTES || PREFIX + toBase64Url(bytes) !== code) return unreadable(ALTERED);
  const end = bytes.length - CRC_BYTES;
  if (crc32(bytes.subarray(0, end)) !== viewOf(bytes).getUint32(end)) return unreadable(ALTERED);
  return readBody(new Reader(bytes.subarray(2, end)));
}

function readBody(from: Reader): Decoded<PunchDescription> {
  const flags = from.u8();
  const tieBreaker = from.bytes(8);
  const usernameFragment = from.text();
  const password = from.text();
  const packed = flags & HAS_SIDE ? from.u8() : undefined;
  const side = packed === undefined ? undefined : unpackSide(packed);
  const candidates: PunchCandidate[] = [];
  const count = from.u8();
  for (let i = 0; i < Math.min(count, MAX_PUNCH_CANDIDATES); i++) {
    const head = from.u8();
    const kind = KINDS[head >> 4];
    const family = head & 15;
    const port = from.u16();
    const address = socketAddressOf(from.bytes(family === 4 ? 4 : 16), port);
    if (kind === undefined || (family !== 4 && family !== 6) || address === undefined) {
      return unreadable(`candidate ${i + 1} is none`);
    }
    candidates.push({ kind, address });
  }
  const whole = from.isAtEnd && flags <= (TCP | HAS_SIDE) && count <= MAX_PUNCH_CANDIDATES;
  if (!whole || (packed !== undefined && side === undefined)) {
    return unreadable("its parts do not fit together");
  }
  const transport = flags & TCP ? "tcp" : "udp";
  const description = { transport, usernameFragment, password, tieBreaker, candidates } as const;
  const problem = punchDescriptionProblem(description);
  if (problem !== undefined) return unreadable(problem);
  return decoded(side === undefined ? description : { ...description, side });
}

/** 0 reachable(1) depends(1) mapping(3) filtering(2) */
function packSide({ reachable, mapping, filtering }: PunchSide): number {
  return (reachable ? 0x40 : 0) | (mapping.depends ? 0x20 : 0) |
    MAPPINGS.indexOf(mapping.value) << 2 | FILTERINGS.indexOf(filtering.value);
}

function unpackSide(packed: number): PunchSide | undefined {
  const mapping = MAPPINGS[packed >> 2 & 7];
  if (packed > 0x7f || mapping === undefined) return undefined;
  return {
    reachable: (packed & 0x40) !== 0,
    mapping: { value: mapping, depends: (packed & 0x20) !== 0 },
    filtering: { value: FILTERINGS[packed & 3]! },
  };
}

/** An IPv6 address that stands for an IPv4 one would be written otherwise. */
function socketAddressOf(ip: Uint8Array, port: number): SocketAddress | undefined {
  const address = ip.length === 4 || ip.length === 16 ? socketAddress(ip, port) : undefined;
  return address?.ip.length === ip.length ? address : undefined;
}

function writeText(text: string, into: WireWriter): void {
  into.u16(text.length);
  into.bytes(new TextEncoder().encode(text));
}

/** Reads from the front; behind the end there is nothing but zeros and the end is not reached. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return this.u8() << 8 | this.u8();
  }

  bytes(count: number): Uint8Array {
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }

  text(): string {
    return String.fromCharCode(...this.bytes(this.u16()));
  }
}

function unreadable(found: string, offset = 0): DecodeFailure {
  return undecodable(`Cannot read the code: ${found}`, offset);
}

function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Undefined if the number of characters is none that base64 has. */
function fromBase64Url(text: string): Uint8Array | undefined {
  return text.length % 4 === 1
    ? undefined
    : Uint8Array.fromBase64(text, { alphabet: "base64url", lastChunkHandling: "loose" });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const PREFIX = "pin1";
const CRC_BYTES = 4;
const TCP = 1;
const HAS_SIDE = 2;
const ALTERED = "a character was changed or is missing";

/** Three quarters as many bytes: the longest fragment and password and all candidates take 838. */
const MAX_CODE_CHARACTERS = 1_200;

// The place of each is its number on the wire
const KINDS = ["host", "reflexive", "predicted"] as const satisfies PunchCandidate["kind"][];
const MAPPINGS: readonly NatMapping[] = [
  "unknown",
  "none",
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
];
const FILTERINGS: readonly NatFiltering[] = [
  "unknown",
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent",
];
