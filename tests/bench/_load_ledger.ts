import {
  attribute,
  BINDING,
  encodeMessage,
  MAGIC_COOKIE,
  shortTermKey,
  USERNAME,
} from "../../lib/wire/mod.ts";
import type { LoadOrder } from "./load_generator.ts";

/** Bytes in a buffer. */
export interface LoadBytes {
  /** The buffer. */
  bytes: Uint8Array;
  /** Where they begin. */
  at: number;
  /** How many there are. */
  length: number;
}

/** What a run of load came to. */
export interface LoadFigures {
  /** Right answers per second. */
  readonly perSecond: number;
  /** The time that half of the answers took at most, ms. */
  readonly p50Ms: number;
  /** The time that 99 of 100 answers took at most, ms. */
  readonly p99Ms: number;
  /** All right answers, also those before it began to count. */
  readonly answers: number;
  /** Requests that had no answer after half a second. */
  readonly lost: number;
  /** Answers of a wrong type, transaction id or address. */
  readonly wrong: number;
  /** How much of its core the load took, 0 to 1: near 1 it is the load that limits, not the server. */
  readonly busy: number;
}

/**
 * Keeps the books of a closed loop: each socket has so many requests under way, and each right answer
 * makes room for the next.
 */
export class LoadLedger {
  /** The time, ms; whoever asks or settles sets it first. */
  now = 0;
  /** The bytes of every request. */
  readonly requestBytes: number;
  readonly #outstanding: number;
  readonly #ports: readonly number[];
  readonly #signed: readonly Uint8Array[];
  readonly #asked: Float64Array;
  readonly #round: Uint32Array;
  /** Answers by the µs that they took; the last place has all that took longer. */
  readonly #histogram = new Uint32Array(1_000_001);
  #settled = 0;
  #settledBefore = 0;
  #lost = 0;
  #wrong = 0;

  /** Takes the local port of each socket. */
  constructor(order: LoadOrder, ports: readonly number[]) {
    const requests = ports.length * order.outstanding;
    this.#outstanding = order.outstanding;
    this.#ports = ports;
    this.#asked = new Float64Array(requests);
    this.#round = new Uint32Array(requests).fill(1);
    const { credential } = order;
    // To sign takes longer than to check, so signed ones are made once and sent again and again
    this.#signed = credential === undefined ? [] : Array.from(
      { length: requests },
      (_, place) =>
        encodeMessage({
          class: "request",
          method: BINDING,
          transactionId: idOf(place, 0),
          attributes: [attribute(USERNAME, credential.user)],
        }, { integrity: shortTermKey(credential.password) }),
    );
    this.requestBytes = this.#signed[0]?.length ?? 20;
  }

  /** Writes the next request of a place: socket times outstanding, and a number below that. */
  ask(place: number, into: LoadBytes): void {
    const { bytes, at } = into;
    this.#asked[place] = this.now;
    const signed = this.#signed[place];
    if (signed !== undefined) return bytes.set(signed, at);
    const round = ++this.#round[place]!;
    put32(bytes, at, 0x00010000);
    put32(bytes, at + 4, MAGIC_COOKIE);
    put32(bytes, at + 8, place);
    put32(bytes, at + 12, round);
    put32(bytes, at + 16, ~round);
  }

  /** Which place an answer on this socket settles; -1 if none. */
  settle(socket: number, { bytes, at, length }: LoadBytes): number {
    const place = u32(bytes, at + 8);
    const first = socket * this.#outstanding;
    const ours = length >= 32 && place >= first && place < first + this.#outstanding;
    if (!ours || !isSuccess(bytes, at) || !tellsPort(bytes, at, this.#ports[socket]!)) {
      this.#wrong++;
      return -1;
    }
    const round = this.#signed.length > 0 ? 0 : this.#round[place]!;
    if (u32(bytes, at + 12) !== round || u32(bytes, at + 16) !== (~round >>> 0)) {
      // To a request that was given up; any other number is of no request of ours
      if (u32(bytes, at + 12) >= round) this.#wrong++;
      return -1;
    }
    this.#settled++;
    const took = (this.now - this.#asked[place]!) * 1000;
    this.#histogram[Math.min(took, this.#histogram.length - 1) >>> 0]!++;
    return place;
  }

  /** The places whose answer has not come, which count as lost. */
  overdue(): number[] {
    const places: number[] = [];
    for (let place = 0; place < this.#asked.length; place++) {
      if (this.now - this.#asked[place]! > LOST_AFTER_MS) places.push(place);
    }
    this.#lost += places.length;
    return places;
  }

  /** Begins to count. */
  begin(): void {
    this.#settledBefore += this.#settled;
    this.#settled = this.#lost = this.#wrong = 0;
    this.#histogram.fill(0);
  }

  /** What has been counted, over so many ms. */
  figures(elapsedMs: number): Omit<LoadFigures, "busy"> {
    return {
      perSecond: this.#settled / elapsedMs * 1000,
      answers: this.#settledBefore + this.#settled,
      p50Ms: this.#quantile(0.5),
      p99Ms: this.#quantile(0.99),
      lost: this.#lost,
      wrong: this.#wrong,
    };
  }

  #quantile(share: number): number {
    let left = this.#settled * share;
    const us = this.#histogram.findIndex((count) => (left -= count) <= 0);
    return Math.max(us, 0) / 1000;
  }
}

function isSuccess(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x01 && bytes[at + 1] === 0x01 && u32(bytes, at + 4) === MAGIC_COOKIE;
}

/** Whether XOR-MAPPED-ADDRESS, which servers place where they like, says 127.0.0.1 and this port. */
function tellsPort(bytes: Uint8Array, at: number, port: number): boolean {
  const end = at + 20 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  for (let i = at + 20; i + 12 <= end;) {
    if (bytes[i] === 0x00 && bytes[i + 1] === 0x20) {
      return ((bytes[i + 6]! << 8) | bytes[i + 7]!) === (port ^ (MAGIC_COOKIE >>> 16)) &&
        u32(bytes, i + 8) === ((0x7f000001 ^ MAGIC_COOKIE) >>> 0);
    }
    i += 4 + ((((bytes[i + 2]! << 8) | bytes[i + 3]!) + 3) & ~3);
  }
  return false;
}

function idOf(place: number, round: number): Uint8Array {
  const id = new Uint8Array(12);
  put32(id, 0, place);
  put32(id, 4, round);
  put32(id, 8, ~round);
  return id;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

const LOST_AFTER_MS = 500;
