import type { ValueCodec } from "./attribute_codec.ts";
import { type Decoded, decoded, undecodable } from "./decoded.ts";
import type { WireWriter } from "./wire_writer.ts";

/** From where a server is asked to answer or to dial: another address, another port, both, neither. */
export interface ChangeFlags {
  /** From the server's alternate address. */
  readonly changeAddress: boolean;
  /** From the server's alternate port. */
  readonly changePort: boolean;
}

/** CHANGE-REQUEST: 32 bits, of which two mean something (RFC 5780 section 7.2). */
export const changeRequestValue: ValueCodec<ChangeFlags> = {
  write(value: ChangeFlags, into: WireWriter): void {
    into.u32(packChangeFlags(value));
  },
  read(value: Uint8Array): Decoded<ChangeFlags> {
    if (value.length !== 4) return undecodable(`value has ${value.length} bytes, wanted 4`);
    return decoded(unpackChangeFlags(value));
  },
};

/** RESPONSE-PORT: the port of the source address to answer to (RFC 5780 section 7.5). */
export const responsePortValue: ValueCodec<number> = {
  // 0 port(16) zero(16)
  write(value: number, into: WireWriter): void {
    if (!Number.isInteger(value) || value < 1 || value > 65535) {
      throw new RangeError(`port is ${value}, wanted 1 to 65535`);
    }
    into.u16(value);
    into.u16(0);
  },
  read(value: Uint8Array): Decoded<number> {
    if (value.length !== 4) return undecodable(`value has ${value.length} bytes, wanted 4`);
    const port = (value[0]! << 8) | value[1]!;
    return port > 0 ? decoded(port) : undecodable("port is 0, wanted 1 to 65535");
  },
};

/** PADDING: so many bytes that mean nothing, to make a packet long enough to be fragmented (RFC 5780 section 7.6). */
export const paddingValue: ValueCodec<number> = {
  write(value: number, into: WireWriter): void {
    if (!Number.isInteger(value) || value < 0 || value > 65_500) {
      throw new RangeError(`got ${value} bytes, wanted 0 to 65500`);
    }
    into.zeros(value);
  },
  read(value: Uint8Array): Decoded<number> {
    return decoded(value.length);
  },
};

/** What a client asks for with DIAL-BACK. */
export interface DialBack extends ChangeFlags {
  /** 8 bytes of the client's choice that the dial-back brings along, so that the client knows it. */
  readonly token: Uint8Array;
}

/**
 * DIAL-BACK (Pinhole, comprehension-optional): "connect to the address that you see this connection
 * come from". The flags are laid out as in CHANGE-REQUEST.
 */
export const dialBackValue: ValueCodec<DialBack> = {
  // 0 flags(32) token(64)
  write(value: DialBack, into: WireWriter): void {
    if (value.token.length !== 8) {
      throw new RangeError(
        `token has ${value.token.length} bytes, wanted 8`,
      );
    }
    into.u32(packChangeFlags(value));
    into.bytes(value.token);
  },
  read(value: Uint8Array): Decoded<DialBack> {
    if (value.length !== 12) return undecodable(`value has ${value.length} bytes, wanted 12`);
    return decoded({ ...unpackChangeFlags(value), token: value.subarray(4) });
  },
};

/** What became of a dial-back, in the order of their numbers on the wire. */
export const DIAL_BACK_OUTCOMES = [
  "connected",
  "refused",
  "timed-out",
  "unreachable",
  "not-permitted",
  "unsupported",
] as const;

/** What became of a dial-back. */
export type DialBackOutcome = typeof DIAL_BACK_OUTCOMES[number];

/** What a server answers to DIAL-BACK. */
export interface DialBackResult {
  /** What became of it; `"not-permitted"` when a budget is spent, `"unsupported"` when this server cannot. */
  readonly outcome: DialBackOutcome;
  /** How long it took, in ms. */
  readonly elapsedMs: number;
}

/** DIAL-BACK-RESULT (Pinhole, comprehension-optional): the answer to DIAL-BACK. */
export const dialBackResultValue: ValueCodec<DialBackResult> = {
  // 0 outcome(8) zero(24) milliseconds(32)
  write(value: DialBackResult, into: WireWriter): void {
    const { outcome, elapsedMs } = value;
    if (!Number.isInteger(elapsedMs) || elapsedMs < 0 || elapsedMs > 0xffffffff) {
      throw new RangeError(`elapsedMs is ${elapsedMs}, wanted 0 to 0xFFFFFFFF`);
    }
    into.u8(DIAL_BACK_OUTCOMES.indexOf(outcome));
    into.zeros(3);
    into.u32(elapsedMs);
  },
  read(value: Uint8Array): Decoded<DialBackResult> {
    if (value.length !== 8) return undecodable(`value has ${value.length} bytes, wanted 8`);
    const outcome = DIAL_BACK_OUTCOMES[value[0]!];
    if (outcome === undefined) return undecodable(`outcome is ${value[0]}, wanted 0 to 5`);
    return decoded({
      outcome,
      elapsedMs: new DataView(value.buffer, value.byteOffset).getUint32(4),
    });
  },
};

function packChangeFlags(flags: ChangeFlags): number {
  return (flags.changeAddress ? CHANGE_ADDRESS : 0) | (flags.changePort ? CHANGE_PORT : 0);
}

function unpackChangeFlags(value: Uint8Array): ChangeFlags {
  return {
    changeAddress: (value[3]! & CHANGE_ADDRESS) !== 0,
    changePort: (value[3]! & CHANGE_PORT) !== 0,
  };
}

const CHANGE_ADDRESS = 0x4;
const CHANGE_PORT = 0x2;
