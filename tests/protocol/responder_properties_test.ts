import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { ENDPOINT_ROLES, RateLimiter, StunResponder } from "../../lib/protocol/mod.ts";
import {
  ATTRIBUTE_CODECS,
  checkFingerprint,
  decodeMessage,
  equalIps,
  findAttribute,
  FINGERPRINT,
  type RawAttribute,
  RESPONSE_PORT,
  type SocketAddress,
  socketAddress,
  valueOf,
} from "../../lib/wire/mod.ts";
import {
  address,
  arrival,
  type ArrivalOptions,
  IPV4_GROUP,
  IPV4_SOURCE,
  IPV6_GROUP,
  IPV6_SOURCE,
  raw,
  request,
} from "./binding_cases.ts";

Deno.test("StunResponder.handle() never throws, and answers only who asked, whatever comes", () => {
  let answers = 0;
  fc.assert(
    fc.property(anyBytes(), anyArrivalOptions(), (bytes, on) => {
      const before = bytes.toHex();
      const responder = new StunResponder({
        ownAddresses: [IPV4_GROUP.primary],
        rateLimiter: new RateLimiter({ ratePerSecond: 1, burst: 1, slots: 8 }),
      });
      const reply = responder.handle(arrival(bytes, on));
      assertEquals(bytes.toHex(), before);
      const counted = [...responder.statistics.counts()];
      assertEquals(counted.length, 1);
      assertEquals(counted[0]!.outcome.startsWith("drop"), reply === undefined);
      if (reply === undefined) return;
      answers++;
      const answer = decodeMessage(reply.bytes);
      assert(answer.ok, "an answer can be read");
      assertEquals(answer.value.class, counted[0]!.outcome === "success" ? "success" : "error");
      // Cookie and id, or all of RFC 3489's id
      assertEquals(reply.bytes.slice(4, 20), bytes.slice(4, 20));
      assert(equalIps(reply.destination.ip, on.source!.ip));
      const asked = decodeMessage(bytes);
      const port = asked.ok ? valueOf(asked.value, RESPONSE_PORT) : undefined;
      const discovers = on.transport === "udp" && on.group !== undefined;
      assert(
        reply.destination.port === on.source!.port ||
          (discovers && reply.destination.port === port),
      );
      assert(discovers || reply.via === on.role);
      if (asked.ok) {
        const wanted = findAttribute(asked.value, FINGERPRINT.type) !== undefined;
        assertEquals(checkFingerprint(answer.value), wanted ? "valid" : "absent");
      }
      if (on.transport === "udp" && on.group === undefined) {
        assertLessOrEqual(reply.bytes.length / bytes.length, WORST_RATIO);
      }
    }),
    { numRuns: 5000 },
  );
  assert(answers > 500, `${answers} of 5000 were answered`);
});

for (
  const [where, source, limit] of [
    ["IPv4", IPV4_SOURCE, 1.6],
    ["IPv6", IPV6_SOURCE, 2.2],
  ] as const
) {
  for (const classic of [false, true]) {
    const most = classic ? 2.2 : limit;
    const name = `${classic ? "RFC 3489" : "RFC 8489"} over ${where}`;
    Deno.test(`StunResponder.handle() answers at most ${most} times the request in ${name}`, () => {
      const worst = worstAnswer(source, classic);
      print(
        `largest answer to ${name}: ${worst.answer} bytes for ${worst.request}, ` +
          `ratio ${(worst.answer / worst.request).toFixed(3)} of ${most} (${worst.kind})`,
      );
      assertLessOrEqual(worst.answer / worst.request, most);
    });
  }
}

/** The largest answer, by its ratio to the request, of a server without RFC 5780 or SOFTWARE. */
function worstAnswer(source: SocketAddress, classic: boolean): Answered {
  const own = source.ip.length === 4 ? IPV4_GROUP.primary : IPV6_GROUP.primary;
  const responder = new StunResponder({ ownAddresses: [own] });
  let worst: Answered = { kind: "none", request: 1, answer: 0 };
  for (const [kind, bytes] of requestKinds(classic)) {
    for (const on of [{}, { address: own }]) {
      const reply = responder.handle(arrival(bytes, { source, ...on }));
      const answer = reply?.bytes.length ?? 0;
      if (answer / bytes.length > worst.answer / worst.request) {
        worst = { kind, request: bytes.length, answer };
      }
    }
  }
  assert(worst.answer > 0);
  return worst;
}

interface Answered {
  readonly kind: string;
  readonly request: number;
  readonly answer: number;
}

/** Every kind of request that is answered differently, each as short as it can be and longer. */
function* requestKinds(classic: boolean): Generator<readonly [kind: string, bytes: Uint8Array]> {
  const make = (attributes: readonly RawAttribute[], fingerprint = false) =>
    request(attributes, { classic, fingerprint });
  yield ["plain", make([])];
  yield ["FINGERPRINT", make([], true)];
  for (let type = 0; type <= 0xffff; type += type < 0x100 ? 1 : 0x33) {
    for (const length of [0, 1, 4, 5, 8, 12, 20, 32, 64]) {
      if (type === FINGERPRINT.type) continue;
      const one = { type, value: new Uint8Array(length) };
      yield [`type ${type} of ${length} bytes`, make([one])];
      yield [`type ${type} of ${length} bytes, FINGERPRINT`, make([one], true)];
    }
  }
  for (let count = 1; count <= 400; count++) {
    const unknown = Array.from({ length: count }, (_, i) => raw(0x7000 + i));
    yield [`${count} unknown attributes`, make(unknown)];
    yield [`${count} unknown attributes, FINGERPRINT`, make(unknown, true)];
  }
  const overrun = make([raw(0x8022)]);
  overrun[23] = 1;
  yield ["an attribute that overruns", overrun];
  yield ["CHANGE-REQUEST without a flag", make([raw(0x0003, "00000000")])];
}

function anyBytes(): fc.Arbitrary<Uint8Array> {
  const types = ATTRIBUTE_CODECS.map(({ type }) => type);
  const one = fc.record({
    type: fc.oneof(fc.constantFrom(...types), fc.nat(0xffff)),
    value: fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.constantFrom("", "00000006", "c3500000").map(Uint8Array.fromHex),
    ),
  });
  const message = fc.record({
    attributes: fc.array(one, { maxLength: 6 }),
    classic: fc.boolean(),
    fingerprint: fc.boolean(),
  }).map(({ attributes, ...options }) => request(attributes, options));
  const mutated = fc.tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
    .map(([bytes, changes]) => {
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return bytes;
    });
  const cut = fc.tuple(message, fc.nat()).map(([bytes, at]) => bytes.slice(0, at % bytes.length));
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 4, arbitrary: message },
    { weight: 2, arbitrary: mutated },
    { weight: 1, arbitrary: cut },
  );
}

function anyArrivalOptions(): fc.Arbitrary<ArrivalOptions> {
  return fc.record({
    family: fc.constantFrom(4, 6),
    port: fc.oneof(fc.nat(65_535), fc.constantFrom(53, 3478)),
    transport: fc.constantFrom("udp" as const, "tcp" as const, "tls" as const),
    role: fc.constantFrom(...ENDPOINT_ROLES),
    discovers: fc.boolean(),
  }).map(({ family, port, transport, role, discovers }) => ({
    source: socketAddress((family === 4 ? IPV4_SOURCE : IPV6_SOURCE).ip, port),
    transport,
    role,
    address: family === 4 ? address("198.51.100.1:3478") : address("[2001:db8::1]:3478"),
    ...discovers ? { group: family === 4 ? IPV4_GROUP : IPV6_GROUP } : {},
  }));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** A plain request of 20 bytes and an answer of 44: the floor of STUN over IPv6. */
const WORST_RATIO = 2.2;
