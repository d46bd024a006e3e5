// A client of RFC 5780 made by hand, without lib/: asks each socket of a server to answer from each
// other one, and says where the answers came from. As a program it starts the server itself, so
// that both can be run in a network namespace; its arguments are those of the server, its output is
// JSON.

import { PinholeServer } from "../support/pinhole_server.ts";

/** One question and what came of it. Addresses are `host:port`, IPv6 in brackets. */
export interface ChangeRequestOutcome {
  /** Where the request went. */
  readonly sentTo: string;
  /** What it asked to be changed. */
  readonly change: Change;
  /** Where its answer came from. */
  readonly cameFrom: string;
  /** RESPONSE-ORIGIN of the answer. */
  readonly origin: string;
  /** OTHER-ADDRESS of the answer. */
  readonly other: string;
  /** Whether XOR-MAPPED-ADDRESS of the answer is the address that was asked from. */
  readonly mapped: boolean;
}

/** What a CHANGE-REQUEST asks for. */
export type Change = "none" | "port" | "address" | "both";

/** The four sockets of a server, as RFC 5780 section 6 calls them, in the order of its log. */
export const ROLES = ["primary", "alternate port", "alternate address", "alternate both"] as const;

/**
 * Asks each of the four sockets of a family all four questions, one after the other.
 *
 * @throws {Error} If an answer does not come.
 */
export async function askForChanges(
  addresses: readonly string[],
): Promise<readonly ChangeRequestOutcome[]> {
  const ipv6 = addresses[0]!.startsWith("[");
  const primary = hostAndPort(addresses[0]!).hostname;
  const socket = Deno.listenDatagram({ hostname: primary, port: 0, transport: "udp" });
  const mine = text((socket.addr as Deno.NetAddr).hostname, (socket.addr as Deno.NetAddr).port);
  const outcomes: ChangeRequestOutcome[] = [];
  try {
    for (const sentTo of addresses) {
      for (const [index, change] of CHANGES.entries()) {
        const request = changeRequest(index);
        const { bytes, from } = await ask(socket, { request, ...hostAndPort(sentTo) });
        const found = attributesOf(bytes);
        const address = (type: number, mask?: Uint8Array) => readAddress(found.get(type), mask);
        outcomes.push({
          sentTo,
          change,
          cameFrom: text(from.hostname, from.port),
          origin: address(RESPONSE_ORIGIN),
          other: address(OTHER_ADDRESS),
          mapped: address(XOR_MAPPED_ADDRESS, request.subarray(4, ipv6 ? 20 : 8)) === mine,
        });
      }
    }
  } finally {
    closeQuietly(socket);
  }
  return outcomes;
}

/** All that a server has to say: the sockets that its log names, and what each family answered. */
export interface ChangeRequestReport {
  /** The UDP sockets of each family, in the order of the log. */
  readonly families: readonly (readonly string[])[];
  /** The outcomes of each family. */
  readonly outcomes: readonly (readonly ChangeRequestOutcome[])[];
}

/** Starts a server with these arguments and asks it everything. */
export async function reportChanges(args: readonly string[]): Promise<ChangeRequestReport> {
  const [hostname, ...rest] = args;
  await using server = await PinholeServer.start({ hostname: hostname!, args: rest });
  const udp = server.listeners.filter(({ transport }) => transport === "udp")
    .map(({ address }) => address);
  const families = [
    udp.filter((address) => !address.startsWith("[")),
    udp.filter((address) => address.startsWith("[")),
  ].filter((addresses) => addresses.length > 0);
  const outcomes: (readonly ChangeRequestOutcome[])[] = [];
  for (const addresses of families) outcomes.push(await askForChanges(addresses));
  return { families, outcomes };
}

/** A Binding request of 28 bytes whose CHANGE-REQUEST has these two bits (RFC 5780 section 7.2). */
function changeRequest(index: number): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(28);
  request.set([0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42]);
  crypto.getRandomValues(request.subarray(8, 20));
  request.set([0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x00, index << 1], 20);
  return request;
}

// The position is the value of the two bits: 1 is "change port", 2 is "change address".
const CHANGES: readonly Change[] = ["none", "port", "address", "both"];

async function ask(
  socket: Deno.DatagramConn,
  { request, hostname, port }: {
    readonly request: Uint8Array<ArrayBuffer>;
    readonly hostname: string;
    readonly port: number;
  },
): Promise<{ readonly bytes: Uint8Array; readonly from: Deno.NetAddr }> {
  const send = () => void socket.send(request, { transport: "udp", hostname, port });
  send();
  const resend = setInterval(send, 500);
  const timeout = setTimeout(() => closeQuietly(socket), 5_000);
  try {
    for (;;) {
      const [bytes, from] = await socket.receive();
      const isMine = request.subarray(4, 20).every((byte, i) => bytes[4 + i] === byte);
      if (isMine) return { bytes: bytes.slice(), from: from as Deno.NetAddr };
    }
  } catch (error) {
    throw new Error(`Cannot ask ${text(hostname, port)}: no answer`, { cause: error });
  } finally {
    clearInterval(resend);
    clearTimeout(timeout);
  }
}

function attributesOf(message: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  for (let at = 20; at + 4 <= message.length;) {
    const length = view.getUint16(at + 2);
    found.set(view.getUint16(at), message.subarray(at + 4, at + 4 + length));
    at += 4 + length + (4 - length % 4) % 4;
  }
  return found;
}

// 0 zero(8) family(8) port(16) address(32 or 128), RFC 8489 section 14.1; with a mask, XORed with it
// (section 14.2).
function readAddress(value: Uint8Array | undefined, mask?: Uint8Array): string {
  if (value === undefined) return "none";
  const bytes = value.slice(2);
  mask?.subarray(0, 2).forEach((byte, i) => bytes[i]! ^= byte);
  mask?.forEach((byte, i) => bytes[2 + i]! ^= byte);
  const port = bytes[0]! << 8 | bytes[1]!;
  const ip = bytes.subarray(2);
  if (ip.length === 4) return text(ip.join("."), port);
  const groups = Array.from({ length: 8 }, (_, i) => (ip[2 * i]! << 8 | ip[2 * i + 1]!));
  // The platform's own parser writes the short form
  const { hostname } = new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]/`);
  return `${hostname}:${port}`;
}

function text(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function hostAndPort(address: string): { readonly hostname: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { hostname, port: Number(address.slice(colon + 1)) };
}

function closeQuietly(socket: Deno.DatagramConn): void {
  try {
    socket.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

const XOR_MAPPED_ADDRESS = 0x0020;
const RESPONSE_ORIGIN = 0x802b;
const OTHER_ADDRESS = 0x802c;

if (import.meta.main) {
  const report = JSON.stringify(await reportChanges(Deno.args));
  Deno.stdout.writeSync(new TextEncoder().encode(report + "\n"));
}
