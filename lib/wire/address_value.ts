import type { ValueCodec } from "./attribute_codec.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import { type SocketAddress, socketAddress } from "./socket_address.ts";
import type { WireWriter } from "./wire_writer.ts";

// 0 zero(8) family(8) port(16) address(32 or 128)   RFC 8489 section 14.1

/** A transport address in the clear, as in MAPPED-ADDRESS (RFC 8489 section 14.1). */
export const addressValue: ValueCodec<SocketAddress> = {
  write(value: SocketAddress, into: WireWriter): void {
    checkAddress(value);
    into.u16(familyNumber(value));
    into.u16(value.port);
    into.bytes(value.ip);
  },
  read(value: Uint8Array): Decoded<SocketAddress> {
    return readAddress(value);
  },
};

/**
 * A transport address XOR'ed with the magic cookie and the transaction id, as in XOR-MAPPED-ADDRESS
 * (RFC 8489 section 14.2), so that a NAT which rewrites addresses in payloads does not find it.
 */
export const xorAddressValue: ValueCodec<SocketAddress> = {
  write(value: SocketAddress, into: WireWriter, transactionId: Uint8Array): void {
    checkAddress(value);
    into.u16(familyNumber(value));
    into.u16(value.port ^ ((maskByte(transactionId, 0) << 8) | maskByte(transactionId, 1)));
    for (let i = 0; i < value.ip.length; i++) into.u8(value.ip[i]! ^ maskByte(transactionId, i));
  },
  read(value: Uint8Array, transactionId: Uint8Array): Decoded<SocketAddress> {
    // Checked and split as it stands; the port and the bytes are XOR'ed back afterwards, and only
    // the clear address may be unmapped
    const masked = readAddress(value);
    if (!masked.ok) return masked;
    const clear = value.slice(4);
    for (let i = 0; i < clear.length; i++) clear[i]! ^= maskByte(transactionId, i);
    const portMask = (maskByte(transactionId, 0) << 8) | maskByte(transactionId, 1);
    return decoded(socketAddress(clear, masked.value.port ^ portMask));
  },
};

function readAddress(value: Uint8Array): Decoded<SocketAddress> {
  if (value.length < 4) {
    return undecodable(`value has ${value.length} bytes, an address needs 8 or 20`);
  }
  const family = value[1];
  const wanted = family === IPV4 ? 8 : family === IPV6 ? 20 : 0;
  if (wanted === 0) return undecodable(`family is ${family}, wanted 1 (IPv4) or 2 (IPv6)`, 1);
  if (value.length !== wanted) {
    const name = family === IPV4 ? "IPv4" : "IPv6";
    return undecodable(`value has ${value.length} bytes, ${name} needs ${wanted}`, 4);
  }
  return decoded(socketAddress(value.subarray(4), (value[2]! << 8) | value[3]!));
}

/** An address may have been made without {@linkcode socketAddress}. */
function checkAddress({ ip, port }: SocketAddress): void {
  if (ip.length !== 4 && ip.length !== 16) {
    throw new RangeError(`IP address has ${ip.length} bytes, wanted 4 or 16`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(`port is ${port}, wanted 0 to 65535`);
  }
}

function familyNumber(address: SocketAddress): number {
  return address.ip.length === 4 ? IPV4 : IPV6;
}

/** Bytes 4 to 20 of the header: cookie and id, or RFC 3489's id of 16 bytes, which has no cookie. */
function maskByte(transactionId: Uint8Array, index: number): number {
  if (transactionId.length === 16) return transactionId[index]!;
  return index < 4 ? COOKIE[index]! : transactionId[index - 4]!;
}

const IPV4 = 1;
const IPV6 = 2;
const COOKIE = [0x21, 0x12, 0xa4, 0x42];
