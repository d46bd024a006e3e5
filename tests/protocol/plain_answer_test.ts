import { assert, assertEquals } from "@std/assert";
import {
  type Arrival,
  type PlainArrival,
  RateLimiter,
  StunResponder,
} from "../../lib/protocol/mod.ts";
import { encodeMessage, type RawAttribute } from "../../lib/wire/mod.ts";
import { mutatedMessage, SeededRandom } from "../fuzz/_mutator.ts";
import { arrival, ID, IPV4_GROUP, IPV4_SOURCE, request } from "./binding_cases.ts";
import { GOLDEN } from "./responder_cases.ts";

for (const software of [undefined, "pin", "Pinhole 1.0"]) {
  Deno.test(`answerPlain() and handle() give and count the same, SOFTWARE ${software}`, () => {
    const random = new SeededRandom(7);
    const make = () =>
      new StunResponder({
        software,
        ownAddresses: [OWN],
        rateLimiter: new RateLimiter({ ratePerSecond: 20, burst: 2, slots: 64 }),
      });
    const [short, general] = [make(), make()];
    const into = new Uint8Array(short.plainAnswerBytes);
    const met = { answered: 0, silent: 0, left: 0 };
    for (let now = 0; now < REQUESTS; now++) {
      const one = { ...arrivalOf(random), now, wallTime: now };
      const length = short.answerPlain(placed(one), { into, at: 0 });
      const reply = general.handle(one);
      if (length < 0) {
        met.left++;
        // So that both have met the same
        short.handle(one);
        continue;
      }
      met[length === 0 ? "silent" : "answered"]++;
      const bytes = reply?.bytes ?? new Uint8Array(0);
      assert(same(into.subarray(0, length), bytes), `${one.bytes.toHex()}: ${bytes.toHex()}`);
      if (reply !== undefined) {
        assertEquals([reply.destination, reply.via], [one.source, "primary"]);
      }
    }
    assertEquals([...short.statistics.counts()], [...general.statistics.counts()]);
    for (const [what, count] of Object.entries(met)) assert(count > 1_000, `${what}: ${count}`);
  });
}

Deno.test("answerPlain() writes the golden answer or leaves the request to handle()", () => {
  let written = 0;
  for (const { request, answer, on, as, when } of GOLDEN) {
    const responder = new StunResponder(as);
    const into = new Uint8Array(responder.plainAnswerBytes);
    const one = placed(arrival(Uint8Array.fromHex(request), on));
    const length = responder.answerPlain(one, { into, at: 0 });
    if (length === -1) continue;
    written++;
    assertEquals(into.subarray(0, length).toHex(), answer, when);
  }
  assert(written >= 4, `${written}`);
});

Deno.test("answerPlain() leaves sockets of RFC 5780 to handle(), and counts nothing", () => {
  const responder = new StunResponder();
  const into = new Uint8Array(responder.plainAnswerBytes);
  const one = placed(arrival(request(), { group: IPV4_GROUP }));
  assertEquals(responder.answerPlain(one, { into, at: 0 }), -1);
  assertEquals([...responder.statistics.counts()], []);
});

Deno.test("answerPlain() leaves every request to handle() when there is an authenticator", () => {
  const responder = new StunResponder({
    authenticator: {
      authenticate() {
        return { kind: "authenticated", seals: {} };
      },
    },
  });
  const into = new Uint8Array(responder.plainAnswerBytes);
  assertEquals(responder.answerPlain(placed(arrival(request())), { into, at: 0 }), -1);
});

Deno.test("answerPlain() changes neither the request nor what lies behind its answer", () => {
  const bytes = request();
  const before = bytes.toHex();
  const into = new Uint8Array(100).fill(0xa5);
  const one = placed(arrival(bytes, { source: IPV4_SOURCE }));
  const length = new StunResponder().answerPlain(one, { into, at: 0 });
  assertEquals(length, 32);
  assertEquals(bytes.toHex(), before);
  assert(into.subarray(length).every((byte) => byte === 0xa5));
});

Deno.test("answerPlain() gives the same wherever in their buffers request and answer lie", () => {
  const responder = new StunResponder({ software: "pin" });
  for (const fingerprint of [false, true]) {
    const bytes = encodeMessage({ class: "request", method: 1, transactionId: ID }, {
      fingerprint,
    });
    const one = placed(arrival(bytes, { source: IPV4_SOURCE }));
    const alone = { into: new Uint8Array(100), at: 0 };
    const length = responder.answerPlain(one, alone);
    const around = new Uint8Array(7 + bytes.length + 9).fill(0xff);
    around.set(bytes, 7);
    const among = { into: new Uint8Array(100).fill(0xa5), at: 11 };
    const within = { ...one, bytes: around, start: 7, end: 7 + bytes.length };
    assertEquals(responder.answerPlain(within, among), length);
    const expected = new Uint8Array(100).fill(0xa5);
    expected.set(alone.into.subarray(0, length), 11);
    assertEquals(among.into, expected);
  }
});

/** An arrival that fills its buffer. */
function placed(one: Arrival): PlainArrival {
  return { ...one, start: 0, end: one.bytes.length };
}

/** Half of them damaged, half with attributes that may be ignored, some from an address of ours. */
function arrivalOf(random: SeededRandom): Pick<Arrival, "bytes" | "source" | "endpoint"> {
  const bytes = random.below(2) === 0 ? mutatedMessage(random) : ignorable(random);
  const source = random.below(50) === 0 ? OWN : {
    // Few addresses, so that the limiter has something to refuse
    ip: random.below(2) === 0
      ? Uint8Array.of(192, 0, 2, random.below(32))
      : Uint8Array.from({ length: 16 }, (_, i) => i === 7 ? random.below(32) : i),
    port: random.below(65_536),
  };
  const transport = (["udp", "tcp", "tls"] as const)[random.below(3)]!;
  return { bytes, source, endpoint: { transport, role: "primary" } };
}

function ignorable(random: SeededRandom): Uint8Array {
  const attributes: RawAttribute[] = [];
  for (let left = random.below(4); left > 0; left--) {
    attributes.push({ type: 0x8000 + random.below(0x8000), value: random.bytes(random.below(20)) });
  }
  return encodeMessage({
    class: "request",
    method: 1,
    transactionId: random.bytes(12),
    attributes,
  }, { fingerprint: random.below(2) === 0 });
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const REQUESTS = 100_000;
const OWN = { ip: Uint8Array.of(192, 0, 2, 200), port: 3478 };
