// Runs in the bundle that wire_bundle_test.ts makes for a browser; the test reads `wireRoundTrip`.
import {
  attribute,
  checkFingerprint,
  checkIntegrity,
  decodeMessage,
  encodeMessage,
  formatSocketAddress,
  longTermKey,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";

Object.assign(globalThis, { wireRoundTrip: roundTrip() });

function roundTrip(): string {
  const key = longTermKey({ username: "user", realm: "realm", password: "pass" });
  const value = { ip: Uint8Array.of(192, 0, 2, 1), port: 32853 };
  const bytes = encodeMessage({
    class: "success",
    method: 0x001,
    transactionId: new Uint8Array(12),
    attributes: [attribute(XOR_MAPPED_ADDRESS, value)],
  }, { integrity: key, integritySha256: key, fingerprint: true });
  const message = decodeMessage(bytes);
  if (!message.ok) return message.reason;
  return [
    bytes.length,
    formatSocketAddress(valueOf(message.value, XOR_MAPPED_ADDRESS)!),
    checkIntegrity(message.value, key, "sha1"),
    checkIntegrity(message.value, key, "sha256"),
    checkFingerprint(message.value),
  ].join(" ");
}
