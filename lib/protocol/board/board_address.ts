import { type Decoded, decoded, decodeUtf8, encodeUtf8, undecodable } from "../../wire/mod.ts";

/**
 * The room that a path names: `/board/ROOM`, where ROOM is 1 to 64 letters, digits, `.`, `_`, `~` and
 * `-`, the characters that mean nothing else in a URL (RFC 3986 section 2.3). `.` and `..` are steps
 * of a path and no rooms. Nothing is decoded, so no two paths are one room.
 */
export function readBoardPath(path: string): Decoded<string> {
  const room = path.startsWith(PATH) ? path.slice(PATH.length) : "";
  if (ROOM.test(room) && room !== "." && room !== "..") return decoded(room);
  return undecodable(
    "Cannot read the name of the room: wanted /board/ROOM, " +
      "where ROOM is 1 to 64 letters, digits, ., _, ~ and -",
  );
}

/**
 * The subprotocol by which a WebSocket client shows the secret of a room, in place of its URL.
 *
 * @throws {RangeError} If the secret does not have 1 to 128 characters.
 */
export function secretSubprotocol(secret: string): string {
  if (secret.length < 1 || secret.length > MAX_SECRET_LENGTH) {
    throw new RangeError(
      `Cannot use the secret: it has ${secret.length} characters, wanted 1 to ${MAX_SECRET_LENGTH}`,
    );
  }
  // toBase64() would do it, and not every browser in use has it
  const base64 = btoa(String.fromCharCode(...encodeUtf8(secret)));
  return SECRET_PREFIX + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The secret among the subprotocols that a client offers, or undefined if it offers none. */
export function readSecretSubprotocol(protocols: readonly string[]): Decoded<string | undefined> {
  const found = protocols.find((one) => one.startsWith(SECRET_PREFIX));
  if (found === undefined) return decoded(undefined);
  const secret = decodeSecret(found.slice(SECRET_PREFIX.length));
  return secret !== undefined && secret.length >= 1 && secret.length <= MAX_SECRET_LENGTH
    ? decoded(secret)
    : undecodable(`Cannot read the secret: wanted ${SECRET_PREFIX} and its UTF-8 in base64url`);
}

function decodeSecret(base64: string): string | undefined {
  try {
    const text = decodeUtf8(Uint8Array.fromBase64(base64, { alphabet: "base64url" }));
    return text.ok ? text.value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

const PATH = "/board/";
const ROOM = /^[A-Za-z0-9._~-]{1,64}$/;
const SECRET_PREFIX = "pinhole.secret.";
/** As long as anybody types, or 96 random bytes; it travels in a header of HTTP. */
export const MAX_SECRET_LENGTH = 128;
