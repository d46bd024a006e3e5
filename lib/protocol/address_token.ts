import { hmac } from "@noble/hashes/hmac";
import { sha256 } from "@noble/hashes/sha2";
import { equalInConstantTime, type SocketAddress } from "../wire/mod.ts";
import {
  checkCodeAuthorityOptions,
  CLOCK_TOLERANCE_MS,
  type CodeAuthorityOptions,
  type CodeVerdict,
} from "./code_authority_options.ts";

/** The transport over which the server saw an address. */
export type AddressTokenTransport = "udp" | "tcp" | "tls";

/**
 * Issues and checks the value of ADDRESS-TOKEN: proof that a server saw a reflexive transport address
 * over a transport. The server keeps none of them; whoever has the secret can check.
 *
 * ```text
 * version(8) = 1 | expiry(56) | code(192)                                             32 bytes in all
 * ```
 *
 * The expiry is in milliseconds since 1970. The code is the beginning of HMAC-SHA256 over the version,
 * the expiry, the transport, the address family, the port and the IP address. Here the port counts:
 * a mapping is an address and a port.
 */
export class AddressTokenAuthority {
  /** What it was made from; it holds the secret. */
  readonly options: CodeAuthorityOptions;
  readonly #keyed: ReturnType<typeof hmac.create>;
  readonly #lifetimeMs: number;

  /**
   * Makes an authority.
   *
   * @throws {RangeError} If the secret is below 16 bytes or the lifetime is not 1 s to 1 day.
   */
  constructor(options: CodeAuthorityOptions) {
    checkCodeAuthorityOptions("Cannot make an address token authority", options);
    this.options = options;
    this.#keyed = hmac.create(sha256, options.secret).update(PURPOSE);
    this.#lifetimeMs = options.lifetimeMs;
  }

  /** A token of 32 bytes for this address. `wallTimeMs` is the time since 1970 in milliseconds. */
  issue(
    reflexive: SocketAddress,
    transport: AddressTokenTransport,
    wallTimeMs: number,
  ): Uint8Array {
    const token = new Uint8Array(ADDRESS_TOKEN_BYTES);
    const view = new DataView(token.buffer);
    const expiry = Math.ceil(wallTimeMs + this.#lifetimeMs);
    view.setUint32(0, Math.floor(expiry / 2 ** 32));
    view.setUint32(4, expiry % 2 ** 32);
    token[0] = VERSION;
    token.set(this.#code(token.subarray(0, OPEN_BYTES), reflexive, transport), OPEN_BYTES);
    return token;
  }

  /**
   * Whether a token proves that one of our servers saw this address over this transport, and is still
   * good. It is accepted for 5 seconds beyond its lifetime, for the sake of clocks that differ.
   * `"forged"` is everything else, a token for another address among it.
   */
  check(
    token: Uint8Array,
    reflexive: SocketAddress,
    transport: AddressTokenTransport,
    wallTimeMs: number,
  ): CodeVerdict {
    if (token.length !== ADDRESS_TOKEN_BYTES || token[0] !== VERSION) return "forged";
    const code = this.#code(token.subarray(0, OPEN_BYTES), reflexive, transport);
    if (!equalInConstantTime(token.subarray(OPEN_BYTES), code)) return "forged";
    const view = new DataView(token.buffer, token.byteOffset, OPEN_BYTES);
    const expiry = (view.getUint32(0) & 0xffffff) * 2 ** 32 + view.getUint32(4);
    return wallTimeMs > expiry + CLOCK_TOLERANCE_MS ? "expired" : "valid";
  }

  #code(
    open: Uint8Array,
    { ip, port }: SocketAddress,
    transport: AddressTokenTransport,
  ): Uint8Array {
    // transport(8) family(8) port(16)
    const kind = Uint8Array.of(
      TRANSPORTS[transport],
      ip.length === 4 ? 4 : 6,
      port >> 8,
      port & 255,
    );
    return this.#keyed.clone().update(open).update(kind).update(ip).digest()
      .subarray(0, ADDRESS_TOKEN_BYTES - OPEN_BYTES);
  }
}

/** The length of an address token, and of the zeros by which a client asks for one. */
export const ADDRESS_TOKEN_BYTES = 32;
const OPEN_BYTES = 8;
const VERSION = 1;
const TRANSPORTS: Readonly<Record<AddressTokenTransport, number>> = { udp: 1, tcp: 2, tls: 3 };
/** Keeps the codes of tokens and those of nonces apart, if somebody uses one secret for both. */
const PURPOSE = new TextEncoder().encode("pinhole address token 1\n");
