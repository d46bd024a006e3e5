// A closed loop of Binding requests from one process, through the C library: a LoadOrder as JSON in,
// LoadFigures as JSON out. Linux alone; run by server_comparison.ts.

import { cpuUsage } from "node:process";
import { loadLibc } from "../../lib/transport/_libc.ts";
import { bindUdp, boundAddress, writeSockaddr } from "../../lib/transport/_linux_sockets.ts";
import { MessageSlab } from "../../lib/transport/_message_slab.ts";
import { type LoadBytes, LoadLedger } from "./_load_ledger.ts";
import { loadLoadLibc, ReadySockets } from "./_load_libc.ts";

/** What load to make. */
export interface LoadOrder {
  /** Over what. */
  readonly transport: "udp" | "tcp";
  /** Where to, on 127.0.0.1. */
  readonly port: number;
  /** How many sockets. */
  readonly sockets: number;
  /** How many requests each has under way at once: 64 at most. */
  readonly outstanding: number;
  /** How long to make load before counting, ms. */
  readonly warmUpMs: number;
  /** How long to count, ms. */
  readonly countMs: number;
  /** Signs the requests, if given. */
  readonly credential?: { readonly user: string; readonly password: string } | undefined;
}

// Before the work, as it begins at once
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const SWEEP_MS = 200;

const order = JSON.parse(Deno.args[0]!) as LoadOrder;
const transportLibc = loadLibc();
const libc = loadLoadLibc();
const descriptors = Array.from({ length: order.sockets }, open);
const ports = descriptors.map((fd) => boundAddress(transportLibc, fd).port);
const ledger = new LoadLedger(order, ports);
const { exchange, ask } = order.transport === "udp" ? udp() : tcp();
const ready = new ReadySockets(libc, descriptors);

ledger.now = performance.now();
for (let socket = 0; socket < order.sockets; socket++) ask(socket, placesOf(socket));
run(order.warmUpMs);
ledger.begin();
const before = cpuUsage();
const elapsedMs = run(order.countMs);
const { user, system } = cpuUsage(before);
const busy = (user + system) / 1000 / elapsedMs;
Deno.stdout.writeSync(
  new TextEncoder().encode(`${JSON.stringify({ ...ledger.figures(elapsedMs), busy })}\n`),
);

function run(ms: number): number {
  const begun = performance.now();
  let swept = begun;
  for (let now = begun; now - begun < ms; now = ledger.now) {
    const count = ready.wait();
    ledger.now = performance.now();
    for (let event = 0; event < count; event++) exchange(ready.at(event));
    if (ledger.now - swept < SWEEP_MS) continue;
    swept = ledger.now;
    for (const place of ledger.overdue()) ask(Math.floor(place / order.outstanding), [place]);
  }
  return performance.now() - begun;
}

function placesOf(socket: number): number[] {
  return Array.from({ length: order.outstanding }, (_, i) => socket * order.outstanding + i);
}

/** A connected socket. */
function open(): number {
  const isUdp = order.transport === "udp";
  const fd = isUdp
    ? bindUdp(transportLibc, { ip: LOOPBACK, port: 0 }, {
      reusePort: false,
      ipv6Only: false,
      bufferBytes: 1 << 20,
    })
    : libc.socket(AF_INET, SOCK_STREAM, 0);
  const name = new Uint8Array(32);
  writeSockaddr({ ip: LOOPBACK, port: order.port }, name, { at: 0, family: AF_INET });
  if (libc.connect(fd, name, 16) !== 0) throw new Error("Cannot connect to the server");
  if (!isUdp) libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1), 4);
  return fd;
}

/** How a socket gets its answers, and asks again for each. */
interface Talk {
  exchange(socket: number): void;
  ask(socket: number, places: readonly number[]): void;
}

function udp(): Talk {
  const { recvmmsg, sendmmsg } = transportLibc.symbols;
  const layout = { slots: 64, slotBytes: 2048, family: AF_INET };
  const [received, sent] = [
    new MessageSlab(transportLibc, layout),
    new MessageSlab(transportLibc, layout),
  ];
  for (const slab of [received, sent]) {
    // The sockets are connected: no names
    for (let slot = 0; slot < 64; slot++) slab.headerWords.fill(0, slot * 16, slot * 16 + 3);
  }
  for (let slot = 0; slot < 64; slot++) sent.setLength(slot, ledger.requestBytes);
  const answer: LoadBytes = { bytes: received.payloads, at: 0, length: 0 };
  const request: LoadBytes = { bytes: sent.payloads, at: 0, length: 0 };
  const flush = (socket: number, count: number): void => {
    if (count > 0) sendmmsg(descriptors[socket]!, sent.headers, count, 0);
  };
  return {
    exchange(socket) {
      const count = recvmmsg(descriptors[socket]!, received.headers, 64, MSG_DONTWAIT, null);
      let asked = 0;
      for (let slot = 0; slot < count; slot++) {
        answer.at = received.payloadAt(slot);
        answer.length = received.headerWords[slot * 16 + 14]!;
        const place = ledger.settle(socket, answer);
        if (place < 0) continue;
        request.at = sent.payloadAt(asked++);
        ledger.ask(place, request);
      }
      flush(socket, asked);
    },
    ask(socket, places) {
      for (const [slot, place] of places.entries()) {
        request.at = sent.payloadAt(slot);
        ledger.ask(place, request);
      }
      flush(socket, places.length);
    },
  };
}

function tcp(): Talk {
  const buffer = new Uint8Array(65_536);
  const sending = new Uint8Array(65_536);
  // What has come of an answer whose rest has not
  const rests: Uint8Array[] = descriptors.map(() => new Uint8Array(0));
  const answer: LoadBytes = { bytes: buffer, at: 0, length: 0 };
  const request: LoadBytes = { bytes: sending, at: 0, length: 0 };
  const flush = (socket: number): void => {
    if (request.at === 0) return;
    const written = libc.write(descriptors[socket]!, sending, BigInt(request.at));
    if (Number(written) !== request.at) throw new Error("Cannot write to the server");
    request.at = 0;
  };
  const put = (place: number): void => {
    ledger.ask(place, request);
    request.at += ledger.requestBytes;
  };
  return {
    exchange(socket) {
      const rest = rests[socket]!;
      buffer.set(rest);
      const room = buffer.subarray(rest.length);
      const count = Number(libc.read(descriptors[socket]!, room, BigInt(room.length)));
      if (count <= 0) throw new Error("Cannot read from the server: it has closed a connection");
      const end = rest.length + count;
      let at = 0;
      while (at + 20 <= end) {
        const length = 20 + ((buffer[at + 2]! << 8) | buffer[at + 3]!);
        if (at + length > end) break;
        answer.at = at;
        answer.length = length;
        const place = ledger.settle(socket, answer);
        if (place >= 0) put(place);
        at += length;
      }
      rests[socket] = buffer.slice(at, end);
      flush(socket);
    },
    ask(socket, places) {
      for (const place of places) put(place);
      flush(socket);
    },
  };
}
