// How fast lib/wire decodes, encodes and answers, beside the npm package `stun`. Run by
// `deno task bench`; the memory that one operation takes is printed first.

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import npmStun from "stun";
import {
  attribute,
  BINDING,
  checkFingerprint,
  checkIntegrity,
  decodeMessage,
  encodeMessage,
  IntegrityKey,
  parseIp,
  type SocketAddress,
  socketAddress,
  SOFTWARE,
  type StunMessage,
  valueOf,
  XOR_MAPPED_ADDRESS,
} from "../../lib/wire/mod.ts";
import { type Endpoint, StunResponder } from "../../lib/protocol/mod.ts";
import { MESSAGE_VECTORS, SHORT_TERM } from "../vectors/rfc5769.ts";

/** The part of the npm package that is compared; it brings no types. */
interface NpmStun {
  decode(message: Uint8Array): NpmMessage;
  encode(message: NpmMessage): Uint8Array;
  createMessage(type: number, transactionId: Uint8Array): NpmMessage;
}

interface NpmMessage {
  readonly transactionId: Uint8Array;
  addXorAddress(address: string, port: number): unknown;
  addSoftware(software: string): unknown;
  getXorAddress(): { readonly address: string; readonly port: number };
}

const npm = npmStun as unknown as NpmStun;

Deno.bench("lib/wire", { group: "decode a plain Binding request", baseline: true }, () => {
  decode(REQUEST);
});

Deno.bench("npm:stun", { group: "decode a plain Binding request" }, () => {
  npm.decode(REQUEST_BUFFER);
});

Deno.bench("lib/wire", { group: "decode RFC 5769 2.2, read the address", baseline: true }, () => {
  valueOf(decode(RESPONSE), XOR_MAPPED_ADDRESS);
});

Deno.bench("npm:stun", { group: "decode RFC 5769 2.2, read the address" }, () => {
  npm.decode(RESPONSE_BUFFER).getXorAddress();
});

Deno.bench("lib/wire", { group: "encode an answer with SOFTWARE", baseline: true }, () => {
  encodeWithSoftware();
});

Deno.bench("npm:stun", { group: "encode an answer with SOFTWARE" }, () => {
  npmEncodeWithSoftware();
});

Deno.bench("StunResponder", { group: "request to answer, 20 to 32 bytes", baseline: true }, () => {
  respond(REQUEST, SOURCE);
});

Deno.bench("lib/wire", { group: "request to answer, 20 to 32 bytes" }, () => {
  answer(REQUEST, SOURCE);
});

Deno.bench(
  "lib/wire, from an address as text",
  { group: "request to answer, 20 to 32 bytes" },
  () => {
    answerText(REQUEST, "192.0.2.1", 32853);
  },
);

Deno.bench("npm:stun", { group: "request to answer, 20 to 32 bytes" }, () => {
  npmAnswer(REQUEST_BUFFER, "192.0.2.1", 32853);
});

Deno.bench("FINGERPRINT, check", { group: "lib/wire alone, RFC 5769 2.2" }, () => {
  checkFingerprint(RESPONSE_MESSAGE);
});

Deno.bench(
  "MESSAGE-INTEGRITY, check with a kept key",
  { group: "lib/wire alone, RFC 5769 2.2" },
  () => {
    checkIntegrity(RESPONSE_MESSAGE, KEY);
  },
);

/** What our server does for every request: all checks, the answer, the statistics. */
function respond(bytes: Uint8Array, source: SocketAddress): Uint8Array {
  return RESPONDER.handle({ bytes, source, endpoint: ENDPOINT, now: 0, wallTime: 0 })!.bytes;
}

/** The bare codec's part for a plain request whose sender's address its socket gives as bytes. */
function answer(bytes: Uint8Array, source: SocketAddress): Uint8Array {
  const { method, transactionId } = decode(bytes);
  return encodeMessage({
    class: "success",
    method,
    transactionId,
    attributes: [attribute(XOR_MAPPED_ADDRESS, source)],
  });
}

/** The same where the socket gives text, as that of `Deno.listenDatagram` does. */
function answerText(bytes: Uint8Array, hostname: string, port: number): Uint8Array {
  const ip = parseIp(hostname);
  if (!ip.ok) throw new Error(ip.reason);
  return answer(bytes, socketAddress(ip.value, port));
}

/** The same, as the package's readme does it. */
function npmAnswer(bytes: Uint8Array, hostname: string, port: number): Uint8Array {
  const { transactionId } = npm.decode(bytes);
  const message = npm.createMessage(BINDING_SUCCESS, transactionId);
  message.addXorAddress(hostname, port);
  return npm.encode(message);
}

function encodeWithSoftware(): Uint8Array {
  return encodeMessage({
    class: "success",
    method: BINDING,
    transactionId: TRANSACTION_ID,
    attributes: [attribute(XOR_MAPPED_ADDRESS, SOURCE), attribute(SOFTWARE, "test server")],
  });
}

function npmEncodeWithSoftware(): Uint8Array {
  const message = npm.createMessage(BINDING_SUCCESS, TRANSACTION_ID_BUFFER);
  message.addXorAddress("192.0.2.1", 32853);
  message.addSoftware("test server");
  return npm.encode(message);
}

function decode(bytes: Uint8Array): StunMessage {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new Error(message.reason);
  return message.value;
}

/** Bytes that one call takes, on V8's heap and beside it: the median of many runs without a collection. */
function bytesPerCall(call: () => unknown): number {
  for (let i = 0; i < 20_000; i++) call(); // so that the optimizing compiler has been here
  const calls = 64; // few enough for the young generation to hold all that they leave
  const runs = Array.from({ length: 51 }, () => {
    collectGarbage();
    const before = memoryInUse();
    for (let i = 0; i < calls; i++) call();
    return (memoryInUse() - before) / calls;
  });
  return Math.round(runs.sort((a, b) => a - b)[25]!);
}

function memoryInUse(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

function printMemory(): void {
  const rows: [string, () => unknown][] = [
    ["lib/wire  decode a plain Binding request", () => decode(REQUEST)],
    ["npm:stun  decode a plain Binding request", () => npm.decode(REQUEST_BUFFER)],
    ["responder request to answer", () => respond(REQUEST, SOURCE)],
    ["lib/wire  request to answer", () => answer(REQUEST, SOURCE)],
    ["lib/wire  request to answer, address as text", () => answerText(REQUEST, "192.0.2.1", 32853)],
    ["npm:stun  request to answer", () => npmAnswer(REQUEST_BUFFER, "192.0.2.1", 32853)],
    ["          a Uint8Array of 32 bytes alone", () => new Uint8Array(32)],
    ["          a view on bytes alone", () => RESPONSE.subarray(4, 36)],
  ];
  const lines = rows.map(([name, call]) =>
    `${bytesPerCall(call)}`.padStart(7) + ` bytes  ${name}\n`
  );
  const text = `Heap taken by one call:\n${lines.join("")}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

const BINDING_SUCCESS = 0x0101;
const REQUEST = Uint8Array.fromHex("000100002112a442b7e7a701bc34d686fa87dfae");
const TRANSACTION_ID = REQUEST.slice(8);
const RESPONSE = MESSAGE_VECTORS[1]!.bytes;
const RESPONSE_MESSAGE = decode(RESPONSE);
const SOURCE = socketAddress(Uint8Array.of(192, 0, 2, 1), 32853);
const KEY = new IntegrityKey(new TextEncoder().encode(SHORT_TERM.password));
// The npm package reads Node's buffers alone
const REQUEST_BUFFER = Buffer.from(REQUEST);
const TRANSACTION_ID_BUFFER = Buffer.from(TRANSACTION_ID);
const RESPONSE_BUFFER = Buffer.from(RESPONSE);
const ENDPOINT: Endpoint = { transport: "udp", role: "primary" };
const RESPONDER = new StunResponder();
const ANSWER = answer(REQUEST, SOURCE);
const collectGarbage = garbageCollector();

// Both sides do the same work, or the figures mean nothing
assertEquals(ANSWER.length, 32);
assertEquals(respond(REQUEST, SOURCE), ANSWER);
assertEquals(answerText(REQUEST, "192.0.2.1", 32853), ANSWER);
assertEquals(new Uint8Array(npmAnswer(REQUEST_BUFFER, "192.0.2.1", 32853)), ANSWER);
assertEquals(new Uint8Array(npmEncodeWithSoftware()), encodeWithSoftware());
assertEquals(checkFingerprint(RESPONSE_MESSAGE), "valid");
assertEquals(checkIntegrity(RESPONSE_MESSAGE, KEY), "valid");
assertEquals(npm.decode(RESPONSE_BUFFER).getXorAddress().port, 32853);

printMemory();
