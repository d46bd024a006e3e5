// The script of codec.html: the codec in a browser. Nothing of Deno is needed here, only
// `@pinhole/stun/wire`; what is pasted never leaves the page.

/// <reference lib="dom" />
import {
  attributeName,
  checkFingerprint,
  decodeMessage,
  formatSocketAddress,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "@pinhole/stun/wire";

const hex = document.querySelector<HTMLTextAreaElement>("#hex")!;
const message = document.querySelector("#message")!;
const show = () => message.textContent = describe(hex.value);
hex.addEventListener("input", show);
// RFC 5769 section 2.2, the sample response
hex.value = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200008" +
  "0001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
show();

/** A message in words, or what is wrong with it. */
function describe(text: string): string {
  const bytes = bytesOf(text);
  if (bytes === undefined) return "These are no bytes in hexadecimal";
  // Bad bytes are a value, not an exception: it says what is wrong, and where
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return `${decoded.reason} (at byte ${decoded.offset})`;
  const { class: messageClass, method, attributes } = decoded.value;
  const mapped = valueOf(decoded.value, XOR_MAPPED_ADDRESS);
  return [
    `${messageClass}, method 0x${method.toString(16).padStart(3, "0")}`,
    ...attributes.map(({ type, value }) => `${attributeName(type)}, ${value.length} bytes`),
    ...mapped === undefined ? [] : [`Public address ${formatSocketAddress(mapped)}`],
    `Fingerprint ${checkFingerprint(decoded.value)}`,
  ].join("\n");
}

function bytesOf(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s/g, "");
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
}
