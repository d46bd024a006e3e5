import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RateLimiter, StunResponder } from "../../lib/protocol/mod.ts";
import {
  attribute,
  ATTRIBUTE_CODECS,
  ERROR_CODE,
  FINGERPRINT,
  isComprehensionRequired,
  SOFTWARE,
  USERNAME,
} from "../../lib/wire/mod.ts";
import {
  address,
  arrival,
  type ArrivalOptions,
  CLASSIC_ID,
  describe,
  ID,
  IPV6_SOURCE,
  outcomes,
  raw,
  request,
} from "./binding_cases.ts";
import { GOLDEN } from "./responder_cases.ts";

for (const { when, request, answer, on, as } of GOLDEN) {
  Deno.test(`StunResponder.handle() gives the golden answer when ${when}`, () => {
    const reply = new StunResponder(as).handle(arrival(Uint8Array.fromHex(request), on));
    assertEquals(reply?.bytes.toHex(), answer);
    assertEquals(reply?.destination, arrival(new Uint8Array(0), on).source);
    assertEquals(reply?.via, "primary");
  });
}

const id = "2112a442b7e7a701bc34d686fa87dfae";
const SILENT: readonly (readonly [
  when: string,
  outcome: string,
  hex: string,
  on?: ArrivalOptions,
])[] = [
  ["nothing comes", "drop-not-stun", ""],
  ["half a header comes", "drop-not-stun", "00010000" + id.slice(0, 30)],
  ["an RTP packet comes", "drop-not-stun", "80600001" + id],
  ["HTTP comes", "drop-not-stun", "474554202f20485454502f312e310d0a0d0a0d0a"],
  ["the first two bits are not zero", "drop-not-stun", "40010000" + id],
  ["the length is less than what follows", "drop-not-stun", "00010000" + id + "80220000"],
  ["the length is more than what follows", "drop-not-stun", "00010008" + id + "80220000"],
  ["the length is no multiple of 4", "drop-not-stun", "00010002" + id + "8022"],
  ["a byte follows", "drop-not-stun", "00010000" + id + "00"],
  ["FINGERPRINT is wrong", "drop-bad-fingerprint", "00010008" + id + "80280004fdf6ae03"],
  ["FINGERPRINT is short", "drop-bad-fingerprint", "00010008" + id + "80280002fdf60000"],
  [
    "FINGERPRINT is not the last",
    "drop-bad-fingerprint",
    "0001000c" + id + "80280004fdf6ae02" + "80220000",
  ],
  [
    "FINGERPRINT is wrong and an attribute not known",
    "drop-bad-fingerprint",
    "0001000c" + id + "70010000" + "80280004cf186f73",
  ],
  ["a success response comes", "drop-not-a-request", "01010000" + id],
  ["an error response comes", "drop-not-a-request", "01110000" + id],
  ["an indication comes", "drop-not-a-request", "00110000" + id],
  ["a response of RFC 3489 comes", "drop-not-a-request", "01010000" + "00".repeat(16)],
  ["the method is Allocate", "drop-unknown-method", "00030000" + id],
  ["the method is Shared Secret", "drop-unknown-method", "00020000" + id],
  ["the method is 0", "drop-unknown-method", "00000000" + id],
  ["the method is 0xFFF", "drop-unknown-method", "3eef0000" + id],
  [
    "it claims to come from the server itself",
    "drop-own-address",
    "00010000" + id,
    { source: address("198.51.100.1:3478") },
  ],
  [
    "it claims to come from the server's IPv6 address",
    "drop-own-address",
    "00010000" + id,
    { source: address("[2001:db8::1]:3478") },
  ],
];

for (const [when, outcome, hex, on] of SILENT) {
  Deno.test(`StunResponder.handle() is silent when ${when}`, () => {
    for (const transport of ["udp", "tcp"] as const) {
      const responder = new StunResponder({
        ownAddresses: [address("198.51.100.1:3478"), address("[2001:db8::1]:3478")],
      });
      const bytes = Uint8Array.fromHex(hex);
      assertEquals(responder.handle(arrival(bytes, { transport, ...on })), undefined);
      const family = on?.source?.ip.length === 16 ? 6 : 4;
      assertEquals(outcomes(responder), [`${transport} ${family} ${outcome} 1`]);
    }
  });
}

Deno.test("StunResponder.handle() answers other ports of the server's own address", () => {
  const responder = new StunResponder({ ownAddresses: [address("198.51.100.1:3478")] });
  const source = address("198.51.100.1:3477");
  assertEquals(describe(responder.handle(arrival(request(), { source }))), {
    class: "success",
    id: ID.toHex(),
    attributes: [["XOR-MAPPED-ADDRESS", "198.51.100.1:3477"]],
    to: "198.51.100.1:3477",
    via: "primary",
  });
});

Deno.test("StunResponder.handle() is silent over the rate limit, and counts it", () => {
  const responder = new StunResponder({
    rateLimiter: new RateLimiter({ ratePerSecond: 1, burst: 2, slots: 8 }),
  });
  const answered = (text: string, now: number) =>
    responder.handle(arrival(request(), { source: address(text), now })) !== undefined;
  assertEquals([
    answered("192.0.2.1:1000", 0),
    answered("192.0.2.1:2000", 0),
    answered("192.0.2.1:3000", 0),
    answered("192.0.2.2:1000", 0),
    answered("192.0.2.1:1000", 999),
    answered("192.0.2.1:1000", 1000),
  ], [true, true, false, true, false, true]);
  assertEquals(outcomes(responder), ["udp 4 success 4", "udp 4 drop-rate-limited 2"]);
});

Deno.test("StunResponder.handle() spends no token of the rate limit on what it never answers", () => {
  const responder = new StunResponder({
    rateLimiter: new RateLimiter({ ratePerSecond: 1, burst: 1, slots: 8 }),
  });
  for (const hex of ["", `01010000${id}`, `00110000${id}`, `00030000${id}`]) {
    assertEquals(responder.handle(arrival(Uint8Array.fromHex(hex))), undefined);
  }
  assertEquals(describe(responder.handle(arrival(request())))?.class, "success");
});

Deno.test("StunResponder.handle() lists every unknown attribute once, in the order of the request", () => {
  const attributes = [
    raw(0x7002, "01"),
    raw(0x8000 + 0x99, "ff"),
    raw(0x7001),
    attribute(USERNAME, "user"),
    raw(0x7002),
    raw(0x0002, "0001000000000000"),
    raw(0x7fff, "00".repeat(40)),
    raw(0x7001),
  ];
  assertEquals(describe(new StunResponder().handle(arrival(request(attributes)))), {
    class: "error",
    id: ID.toHex(),
    attributes: [
      ["ERROR-CODE", { code: 420, reason: "" }],
      ["UNKNOWN-ATTRIBUTES", [0x7002, 0x7001, 0x0002, 0x7fff]],
    ],
    to: "192.0.2.1:32853",
    via: "primary",
  });
});

for (
  const [dialect, classic, known] of [
    ["RFC 8489", false, [0x01, 0x06, 0x08, 0x09, 0x0a, 0x14, 0x15, 0x1c, 0x1d, 0x1e, 0x20]],
    // RFC 3489 clients send a CHANGE-REQUEST of zeros where they want no change
    [
      "RFC 3489",
      true,
      [
        0x01,
        0x03,
        0x04,
        0x05,
        0x06,
        0x07,
        0x08,
        0x09,
        0x0a,
        0x0b,
        0x14,
        0x15,
        0x1c,
        0x1d,
        0x1e,
        0x20,
      ],
    ],
  ] as const
) {
  Deno.test(`StunResponder.handle() refuses all but ${known.length} required types in ${dialect}`, () => {
    const responder = new StunResponder();
    const accepted: number[] = [];
    for (let type = 0; type < 0x8000; type++) {
      const reply = responder.handle(arrival(request([raw(type, "00000000")], { classic })));
      const [code, list] = describe(reply)!.attributes;
      if ((code![1] as { code?: number }).code !== 420) accepted.push(type);
      else assertEquals(list, ["UNKNOWN-ATTRIBUTES", classic ? [type, type] : [type]]);
    }
    assertEquals(accepted, [...known]);
  });
}

Deno.test("StunResponder.handle() answers 420 with all of 300 unknown attributes", () => {
  const types = Array.from({ length: 300 }, (_, i) => 0x7000 + i);
  const reply = new StunResponder().handle(arrival(request(types.map((type) => raw(type)))));
  assertEquals(describe(reply)?.attributes, [
    ["ERROR-CODE", { code: 420, reason: "" }],
    ["UNKNOWN-ATTRIBUTES", types],
  ]);
});

Deno.test("StunResponder.handle() ignores what need not be understood, readable or not", () => {
  const optional = ATTRIBUTE_CODECS.map(({ type }) => type)
    .filter((type) => !isComprehensionRequired(type) && type !== FINGERPRINT.type);
  assert(optional.length > 10);
  for (const type of [...optional, 0x8099, 0xffff]) {
    for (const classic of [false, true]) {
      const reply = new StunResponder().handle(
        arrival(request([raw(type, "ffffff")], { classic })),
      );
      assertEquals(describe(reply)?.attributes, [[
        classic ? "MAPPED-ADDRESS" : "XOR-MAPPED-ADDRESS",
        "192.0.2.1:32853",
      ]]);
    }
  }
});

Deno.test("StunResponder.handle() ignores what follows MESSAGE-INTEGRITY", () => {
  const attributes = [raw(0x0008, "00".repeat(20)), raw(0x7001), raw(0x0006, "ff")];
  const reply = new StunResponder().handle(arrival(request(attributes, { fingerprint: true })));
  const [mapped, fingerprint] = describe(reply)!.attributes;
  assertEquals(mapped, ["XOR-MAPPED-ADDRESS", "192.0.2.1:32853"]);
  assertEquals(fingerprint![0], "FINGERPRINT");
});

const UNREADABLE: readonly (readonly [name: string, type: number, hex: string])[] = [
  ["MAPPED-ADDRESS of an unknown family", 0x0001, "0003000000000000"],
  ["MAPPED-ADDRESS of 7 bytes", 0x0001, "00010000000000"],
  ["USERNAME that is not UTF-8", 0x0006, "fffe"],
  ["USERNAME of 764 bytes", 0x0006, "61".repeat(764)],
  ["MESSAGE-INTEGRITY of 19 bytes", 0x0008, "00".repeat(19)],
  ["ERROR-CODE of class 7", 0x0009, "00000700"],
  ["UNKNOWN-ATTRIBUTES of 3 bytes", 0x000a, "700170"],
  ["REALM that is not UTF-8", 0x0014, "c0"],
  ["NONCE that is not UTF-8", 0x0015, "c0"],
  ["MESSAGE-INTEGRITY-SHA256 of 12 bytes", 0x001c, "00".repeat(12)],
  ["PASSWORD-ALGORITHM of 3 bytes", 0x001d, "000100"],
  ["USERHASH of 31 bytes", 0x001e, "00".repeat(31)],
  ["XOR-MAPPED-ADDRESS of no bytes", 0x0020, ""],
];

for (const [name, type, hex] of UNREADABLE) {
  Deno.test(`StunResponder.handle() answers 400 to a request with ${name}`, () => {
    const responder = new StunResponder();
    const bytes = request([raw(type, hex)], { fingerprint: true });
    const described = describe(responder.handle(arrival(bytes)));
    assertEquals(described?.attributes[0], ["ERROR-CODE", { code: 400, reason: "" }]);
    assertEquals(described?.attributes.map(([name]) => name), ["ERROR-CODE", "FINGERPRINT"]);
    assertEquals(outcomes(responder), ["udp 4 error-400 1"]);
  });
}

Deno.test("StunResponder.handle() answers 400 for every length that overruns the message", () => {
  const responder = new StunResponder();
  for (let length = 5; length <= 0xffff; length += 251) {
    const bytes = request([raw(0x8022, "61616161")]);
    bytes.set([length >> 8, length & 0xff], 22);
    assertEquals(describe(responder.handle(arrival(bytes))), {
      class: "error",
      id: ID.toHex(),
      attributes: [["ERROR-CODE", { code: 400, reason: "" }]],
      to: "192.0.2.1:32853",
      via: "primary",
    });
  }
});

Deno.test("StunResponder.handle() answers 420 rather than 400 when both are due", () => {
  const bytes = request([raw(0x0006, "ff"), raw(0x7001)]);
  assertEquals(describe(new StunResponder().handle(arrival(bytes)))?.attributes, [
    ["ERROR-CODE", { code: 420, reason: "" }],
    ["UNKNOWN-ATTRIBUTES", [0x7001]],
  ]);
});

Deno.test("StunResponder.handle() says SOFTWARE in errors too, before FINGERPRINT", () => {
  const responder = new StunResponder({ software: "Pinhole" });
  const reply = responder.handle(arrival(request([raw(0x7001)], { fingerprint: true })));
  assertEquals(describe(reply)?.attributes.map(([name]) => name), [
    ERROR_CODE.name,
    "UNKNOWN-ATTRIBUTES",
    SOFTWARE.name,
    FINGERPRINT.name,
  ]);
});

Deno.test("StunResponder.handle() never sends to RESPONSE-ADDRESS", () => {
  const responseAddress = raw(0x0002, "00010035cb007101");
  for (const classic of [false, true]) {
    const reply = new StunResponder().handle(arrival(request([responseAddress], { classic })));
    assertEquals(describe(reply), {
      class: "error",
      id: (classic ? CLASSIC_ID : ID).toHex(),
      attributes: [
        ["ERROR-CODE", { code: 420, reason: "" }],
        ["UNKNOWN-ATTRIBUTES", classic ? [0x0002, 0x0002] : [0x0002]],
      ],
      to: "192.0.2.1:32853",
      via: "primary",
    });
  }
});

Deno.test("StunResponder.handle() gives each answer bytes of its own", () => {
  const responder = new StunResponder();
  const first = responder.handle(arrival(request()))!;
  const before = first.bytes.toHex();
  responder.handle(arrival(request([raw(0x7001)]), { source: IPV6_SOURCE }));
  assertEquals(first.bytes.toHex(), before);
});

Deno.test("StunResponder.handle() leaves the request as it was", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
    const bytes = request([{ type: 0x8022, value: tail }], { fingerprint: true });
    const before = bytes.toHex();
    new StunResponder().handle(arrival(bytes));
    assertEquals(bytes.toHex(), before);
  }));
});

Deno.test("new StunResponder() throws when SOFTWARE is longer than 127 characters", () => {
  new StunResponder({ software: "ö".repeat(127) });
  assertThrows(
    () => new StunResponder({ software: "a".repeat(128) }),
    RangeError,
    "Cannot write SOFTWARE",
  );
});

Deno.test("StunResponder.handle() counts by transport, family and outcome", () => {
  const responder = new StunResponder();
  responder.handle(arrival(request()));
  responder.handle(arrival(request()));
  responder.handle(arrival(request(), { source: IPV6_SOURCE, transport: "tcp" }));
  responder.handle(arrival(request([raw(0x7001)]), { transport: "tls" }));
  responder.handle(arrival(new Uint8Array(3)));
  assertEquals(outcomes(responder), [
    "udp 4 success 2",
    "udp 4 drop-not-stun 1",
    "tcp 6 success 1",
    "tls 4 error-420 1",
  ]);
});
