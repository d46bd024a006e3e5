// A million datagrams of every size through the memory that the kernel fills, with marked bytes around
// each part of it. SEED=… in the environment repeats a run whose seed a failure has printed.

import { assert, assertEquals } from "@std/assert";
import { openBatchedDatagram } from "../../lib/transport/batched_datagram.ts";
import type { MessageSlab } from "../../lib/transport/_message_slab.ts";
import type { Datagram } from "../../lib/transport/mod.ts";
import { unless, whyNoLibc } from "../support/skipped.ts";
import { mutatedMessage, SeededRandom } from "./_mutator.ts";

Deno.test({
  ...unless(
    whyNoLibc(),
    "the kernel writes nowhere but into the slots, whatever 1,000,000 datagrams bring",
  ),
  fn: async () => {
    const seed = Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    const random = new SeededRandom(seed);
    const receiver = openBatchedDatagram({ ip: EVERY_ADDRESS, port: 0 });
    const senders = [
      openBatchedDatagram({ ip: LOOPBACK, port: 0 }),
      openBatchedDatagram({ ip: LOOPBACK_IPV6, port: 0 }),
    ];
    // Ends a receive that would wait for a datagram which never came
    const deadline = setTimeout(() => receiver.close(), DEADLINE_MS);
    try {
      const canaries = [receiver, ...senders].flatMap(({ slabs }) => [
        new Canaries(slabs.received),
        new Canaries(slabs.sent),
      ]);
      const payloads = mixedPayloads(random);
      for (let sent = 0, batches = 0; sent < DATAGRAMS; batches++) {
        const sender = random.pick(senders);
        const to = { ip: sender.localAddress.ip, port: receiver.localAddress.port };
        const batch: Datagram[] = [];
        const count = 1 + random.below(MAX_BATCH);
        for (let i = 0; i < count; i++) {
          batch.push({ bytes: random.pick(payloads.short), peer: to });
        }
        if (batches % 8 === 0) batch.push({ bytes: random.pick(payloads.long), peer: to });
        await sender.send(batch);
        assertEquals(sender.sendFailures, 0);
        sent += batch.length;
        await assertArrived(batch, {
          receive: () => receiver.receive(),
          from: sender.localAddress,
        });
        if (batches % 1000 === 0) { for (const one of canaries) one.assertAlive(`SEED=${seed}`); }
      }
      for (const one of canaries) one.assertAlive(`SEED=${seed}`);
    } finally {
      clearTimeout(deadline);
      for (const transport of [receiver, ...senders]) transport.close();
    }
  },
});

/** Marks what nobody may write to, and what nobody may change: where the headers point. */
class Canaries {
  readonly #slab: MessageSlab;
  readonly #pointers: string;

  constructor(slab: MessageSlab) {
    this.#slab = slab;
    for (const guard of slab.guards) guard.fill(MARK);
    this.#pointers = pointersOf(slab);
  }

  assertAlive(hint: string): void {
    for (const guard of this.#slab.guards) {
      assert(guard.length > 0 && guard.every((byte) => byte === MARK), `a guard is hurt (${hint})`);
    }
    assertEquals(pointersOf(this.#slab), this.#pointers, hint);
  }
}

/** The headers, without what the kernel is to write: flags, and the length of the message. */
function pointersOf({ headers }: MessageSlab): string {
  return headers.filter((_, i) => i % 64 < 48).toHex();
}

interface Arrival {
  readonly receive: () => Promise<readonly Datagram[]>;
  readonly from: Datagram["peer"];
}

/** Takes the batch from the socket and compares it, bytes and senders. */
async function assertArrived(batch: readonly Datagram[], arrival: Arrival): Promise<void> {
  let next = 0;
  while (next < batch.length) {
    const received = await arrival.receive();
    assert(received.length > 0, `${batch.length - next} datagrams have not come`);
    for (const { bytes, peer } of received) {
      const wanted = batch[next++]!.bytes;
      assert(equalBytes(bytes, wanted), `${bytes.length} bytes are not the ${wanted.length} sent`);
      assert(peer.port === arrival.from.port && equalBytes(peer.ip, arrival.from.ip));
    }
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

interface Payloads {
  /** What fits a packet, damaged requests for the most part. */
  readonly short: readonly Uint8Array[];
  /** What does not. */
  readonly long: readonly Uint8Array[];
}

function mixedPayloads(random: SeededRandom): Payloads {
  const long = random.bytes(MAX_UDP_BYTES);
  return {
    short: [
      new Uint8Array(0),
      ...Array.from({ length: 256 }, () => random.bytes(random.below(1_500))),
      ...Array.from({ length: 1_024 }, () => mutatedMessage(random)),
    ],
    long: [
      ...[MAX_UDP_BYTES, MAX_UDP_BYTES - 1, 65_000].map((length) => long.subarray(0, length)),
      ...Array.from({ length: 61 }, () => long.subarray(random.below(MAX_UDP_BYTES))),
    ],
  };
}

const DATAGRAMS = 1_000_000;
const DEADLINE_MS = 120_000;
/** Up to 80 of 1,500 bytes and one of 65,507 fit into the smallest receive buffer that Linux gives. */
const MAX_BATCH = 80;
/** 65,535 without the headers of IPv4 and UDP. */
const MAX_UDP_BYTES = 65_507;
const MARK = 0xa5;
const EVERY_ADDRESS = new Uint8Array(16);
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_IPV6 = Uint8Array.from({ length: 16 }, (_, i) => i === 15 ? 1 : 0);
