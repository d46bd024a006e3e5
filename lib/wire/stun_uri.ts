import { type Decoded, decoded, undecodable } from "./decoded.ts";
import { quote } from "./_quote.ts";
import { parseIp } from "./socket_address.ts";

/** Where a STUN server is, as a `stun:` or `stuns:` URI says it (RFC 7064). */
export interface StunUri {
  /** `stun` for UDP and TCP, `stuns` for TLS and DTLS. */
  readonly scheme: "stun" | "stuns";
  /** A domain name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** The port, 1 to 65535. Without it {@linkcode stunUriPort} knows the default. */
  readonly port?: number;
}

/**
 * Reads a URI of RFC 7064 section 3.1: `stun:stun.example.org`, `stuns:192.0.2.1:443`,
 * `stun:[2001:db8::1]:3478`. The scheme may be in upper case; an empty port (`stun:example.org:`)
 * is no port. There is no `//`, user, path, query or fragment in such a URI.
 *
 * A percent-encoded name is decoded, because RFC 3986 section 6.2.2.2 makes `%65xample.org` and
 * `example.org` one host. Decoding may bring letters, digits, `-`, `.`, `_` and `~`, and UTF-8,
 * which becomes an IDNA A-label (`b%C3%BCcher.example` is `xn--bcher-kva.example`), the form that
 * RFC 3986 section 3.2.2 wants for a look-up; anything else could pass for a delimiter and is
 * refused.
 *
 * Stricter than the grammar in what no resolver agrees on (RFC 3986 section 7.4): a name whose last
 * label is a number, such as `127.1` or `256.0.0.1`, must be an IPv4 address in four decimal parts.
 * The empty name, names above 255 characters, addresses with a zone, IPvFuture and port 0 are
 * refused too.
 */
export function parseStunUri(text: string): Decoded<StunUri> {
  const scheme = /^(stuns?):/i.exec(text)?.[1]?.toLowerCase() as StunUri["scheme"] | undefined;
  if (scheme === undefined) {
    if (/^turns?:/i.test(text)) return refusal(text, "it is a TURN URI, wanted stun: or stuns:", 0);
    return refusal(text, "wanted it to start with stun: or stuns:", 0);
  }
  const start = scheme.length + 1;
  const stranger = FOREIGN.exec(text);
  if (stranger !== null) {
    const why = stranger.index === start && text.startsWith("//", start)
      ? "it has //, wanted the host right after the colon"
      : WHY_FOREIGN[stranger[0]] ??
        `it has ${quote(stranger[0])}, wanted letters, digits and punctuation of a URI`;
    return refusal(text, why, stranger.index);
  }
  const rest = text.slice(start);
  const parts = rest.startsWith("[")
    ? /^(\[[^\]]*\])(?::([^:]*))?$/.exec(rest)
    : /^([^:]*)(?::([^:]*))?$/.exec(rest);
  if (parts === null) {
    const why = rest.startsWith("[")
      ? "wanted [ADDRESS] or [ADDRESS]:PORT after the scheme"
      : "it has too many colons, wanted HOST or HOST:PORT, IPv6 addresses in brackets";
    return refusal(text, why, start);
  }
  const host = parts[1]!.startsWith("[") ? readLiteral(parts[1]!) : readName(parts[1]!);
  if (!host.ok) return refusal(text, host.reason, start + host.offset);
  const digits = parts[2] ?? "";
  if (digits === "") return decoded({ scheme, host: host.value });
  const port = /^[0-9]+$/.test(digits) ? Number(digits) : NaN;
  if (!(port >= 1 && port <= 65535)) {
    const offset = start + parts[1]!.length + 1;
    return refusal(text, `the port is ${quote(digits)}, wanted 1 to 65535`, offset);
  }
  return decoded({ scheme, host: host.value, port });
}

/**
 * Writes a URI: `stun:stun.example.org:3478`, with brackets around an IPv6 address and without a
 * port where `port` is not set.
 *
 * @throws {RangeError} If {@linkcode parseStunUri} would not read the same value back: the scheme,
 * the host or the port is not one of a STUN URI.
 */
export function formatStunUri(uri: StunUri): string {
  const host = uri.host.includes(":") ? `[${uri.host}]` : uri.host;
  const text = `${uri.scheme}:${host}${uri.port === undefined ? "" : `:${uri.port}`}`;
  const parsed = parseStunUri(text);
  if (!parsed.ok) throw new RangeError(`Cannot write a STUN URI: ${parsed.reason}`);
  const { scheme, host: name, port } = parsed.value;
  if (scheme !== uri.scheme || name !== uri.host || port !== uri.port) {
    const plain = formatStunUri(parsed.value);
    throw new RangeError(`Cannot write a STUN URI: found ${quote(text)}, wanted ${quote(plain)}`);
  }
  return text;
}

/** The port to use: the URI's own, else RFC 7064's 3478 for `stun` and 5349 for `stuns`. */
export function stunUriPort(uri: StunUri): number {
  return uri.port ?? (uri.scheme === "stuns" ? 5349 : 3478);
}

/** Reads `[2001:db8::1]`; offsets count from the bracket. */
function readLiteral(bracketed: string): Decoded<string> {
  const address = bracketed.slice(1, -1);
  if (address.includes("%")) {
    return undecodable("the IPv6 address has a zone, wanted one without", address.indexOf("%") + 1);
  }
  if (!address.includes(":") || !parseIp(address).ok) {
    return undecodable(`${quote(address)} is not an IPv6 address, wanted one in the brackets`, 1);
  }
  return decoded(address);
}

/** Reads an IPv4 address or a registered name, and decodes the latter. */
function readName(encoded: string): Decoded<string> {
  if (encoded === "") return undecodable("it has no host, wanted one after the scheme");
  const name = encoded.includes("%") ? decodeName(encoded) : decoded(encoded);
  if (!name.ok) return name;
  if (name.value.length > MAX_NAME_LENGTH) {
    return undecodable(
      `the host has ${name.value.length} characters, wanted at most ${MAX_NAME_LENGTH}`,
    );
  }
  const invalid = NOT_IN_NAME.exec(name.value);
  if (invalid !== null) {
    return undecodable(`the host has ${quote(invalid[0])}, wanted a name`, invalid.index);
  }
  if (ENDS_IN_NUMBER.test(name.value) && !parseIp(name.value).ok) {
    return undecodable(
      `the host ${quote(name.value)} ends in a number, wanted an IPv4 address or a name`,
    );
  }
  return name;
}

function decodeName(encoded: string): Decoded<string> {
  const at = encoded.indexOf("%");
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    return undecodable("the host has a bad % sequence, wanted %XX that are UTF-8", at);
  }
  // RFC 3986 section 2.2: %2C is not the same as a comma, so no name that is looked up has it
  for (const octet of encoded.matchAll(/%([0-7][0-9a-f])/gi)) {
    if (!/[A-Za-z0-9._~-]/.test(String.fromCharCode(parseInt(octet[1]!, 16)))) {
      return undecodable(
        `the host has ${octet[0]}, wanted nothing but letters, digits, -._~ and UTF-8 behind a %`,
        octet.index,
      );
    }
  }
  if (!/[^ -~]/.test(name)) return decoded(name);
  // URL applies the IDNA mapping of UTS 46
  const url = URL.parse(`http://${name}`);
  return url === null || url.hostname === ""
    ? undecodable(`the host ${quote(name)} is not a domain name, wanted one that IDNA takes`, at)
    : decoded(url.hostname);
}

function refusal(text: string, why: string, offset: number): Decoded<never> {
  return undecodable(`Cannot read ${quote(text)}: ${why}`, offset);
}

const MAX_NAME_LENGTH = 255; // RFC 3986 section 3.2.2, for names that DNS resolves

/** What is in no part of a STUN URI. */
const FOREIGN = /[^A-Za-z0-9._~%!$&'()*+,;=:[\]-]/u;
const WHY_FOREIGN: Readonly<Record<string, string>> = {
  "/": "it has a path, wanted nothing after the host and port",
  "?": "it has a query, wanted none: ?transport= belongs to turn: and turns: URIs (RFC 7065)",
  "#": "it has a fragment, wanted nothing after the host and port",
  "@": "it has a user before an @, wanted the host alone",
};
const NOT_IN_NAME = /[^A-Za-z0-9._~!$&'()*+,;=-]/;
const ENDS_IN_NUMBER = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$/i;
