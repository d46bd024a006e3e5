import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  decodePunchCode,
  encodePunchCode,
  MAX_PUNCH_CANDIDATES,
  type PunchDescription,
} from "../../../lib/protocol/punch/mod.ts";
import { crc32 } from "../../../lib/wire/mod.ts";
import { simAddress } from "../../sim/mod.ts";
import { punchDescription } from "./punch_description_cases.ts";

const CANDIDATE = punchDescription().candidates[0]!;

/** The codes were put together by another program, with zlib's CRC-32. */
const CASES: readonly { name: string; description: PunchDescription; code: string }[] = [
  {
    name: "UDP with one candidate",
    description: punchDescription(),
    code: "pin1ADMAAQIDBAUGBwgABGV2dGoAFlZPa0p4YlJsMVJtVHhVay9Xdkp4QnQBFLJgwAACA-7zvA4",
  },
  {
    name: "TCP with a side and candidates of both families",
    description: punchDescription({
      transport: "tcp",
      side: {
        reachable: true,
        mapping: { value: "endpoint-independent", depends: false },
        filtering: { value: "address-and-port-dependent" },
      },
      candidates: [
        { kind: "host", address: simAddress("[2001:db8::1]:5000") },
        { kind: "predicted", address: simAddress("192.0.2.3:45665") },
      ],
    }),
    code: "pin1AEcDAQIDBAUGBwgABGV2dGoAFlZPa0p4YlJsMVJtVHhVay9Xdkp4QnRLAgYTiCABDbgAAAAAAAAA" +
      "AAAAAAEksmHAAAID-wty9w",
  },
];

for (const { name, description, code } of CASES) {
  Deno.test(`encodePunchCode() writes ${name}`, () => {
    assertEquals(encodePunchCode(description), code);
  });

  Deno.test(`decodePunchCode() reads ${name}`, () => {
    assertEquals(decodePunchCode(code), { ok: true, value: description });
  });

  Deno.test(`decodePunchCode() tells that ${name} was cut off, wherever`, () => {
    for (let length = 4; length < code.length; length++) {
      assertMatch(reasonOf(code.slice(0, length)), /: it was cut off$/);
    }
  });

  Deno.test(`decodePunchCode() refuses ${name} with any one character changed`, () => {
    for (let at = 0; at < code.length; at++) {
      const other = code[at] === "A" ? "B" : "A";
      reasonOf(code.slice(0, at) + other + code.slice(at + 1));
    }
  });

  Deno.test(`decodePunchCode() refuses ${name} with something behind it`, () => {
    for (const more of ["A", "AAAA", "=", "\n", " pin1"]) reasonOf(code + more);
  });
}

Deno.test("encodePunchCode() and decodePunchCode() carry the largest description there is", () => {
  const description = punchDescription({
    usernameFragment: "u".repeat(256),
    password: "p".repeat(256),
    side: {
      reachable: false,
      mapping: { value: "unknown", depends: true },
      filtering: { value: "unknown" },
    },
    candidates: Array.from({ length: MAX_PUNCH_CANDIDATES }, (_, i) => ({
      kind: "predicted",
      address: simAddress(`[2001:db8::${i + 1}]:65535`),
    })),
  });
  assertEquals(decodePunchCode(encodePunchCode(description)), { ok: true, value: description });
});

Deno.test("encodePunchCode() and decodePunchCode() carry every mapping and filtering", () => {
  const mappings = [
    ...["unknown", "none", "endpoint-independent"] as const,
    ...["address-dependent", "address-and-port-dependent"] as const,
  ];
  for (const mapping of mappings) {
    for (const filtering of mappings.filter((one) => one !== "none")) {
      const side = {
        reachable: true,
        mapping: { value: mapping, depends: mapping.endsWith("t") && mapping.startsWith("a") },
        filtering: { value: filtering },
      };
      const description = punchDescription({ side });
      assertEquals(decodePunchCode(encodePunchCode(description)), { ok: true, value: description });
    }
  }
});

for (
  const [what, code, reason] of [
    ["nothing", "", "it does not begin with pin1 as a code does"],
    ["other text", "ssh-ed25519 AAAA", "it does not begin with pin1 as a code does"],
    [
      "a later version",
      "pin2AAAA",
      "it is of version 2, wanted 1; does the other side run a newer one?",
    ],
    ["what is too long", "pin1" + "A".repeat(2_000), "it has 2004 characters, the most is 1200"],
    ["a character of another alphabet", "pin1AA+A", "character 7 is none that a code has"],
  ] as const
) {
  Deno.test(`decodePunchCode() tells a person why it does not read ${what}`, () => {
    assertEquals(reasonOf(code), `Cannot read the code: ${reason}`);
  });
}

/** From the flags on, without length and checksum: what nobody but a forger would write. */
const FRAGMENT = "0004 65767465";
const PASSWORD = `0016 ${"41".repeat(22)}`;
const HEAD = `00 0102030405060708 ${FRAGMENT} ${PASSWORD}`;
for (
  const [what, hex, reason] of [
    ["an unknown flag", `04 0102030405060708 ${FRAGMENT} ${PASSWORD} 00`, "its parts do not fit"],
    [
      "a mapping that there is not",
      `02 0102030405060708 ${FRAGMENT} ${PASSWORD} 74 00`,
      "its parts",
    ],
    ["a spare bit of a side", `02 0102030405060708 ${FRAGMENT} ${PASSWORD} c0 00`, "its parts"],
    ["too many candidates", `${HEAD} 11 ${"14 b260 c0000203".repeat(17)}`, "its parts do not fit"],
    ["fewer candidates than it says", `${HEAD} 02 14 b260 c0000203`, "candidate 2 is none"],
    ["a candidate of an unknown kind", `${HEAD} 01 34 b260 c0000203`, "candidate 1 is none"],
    ["a candidate of an unknown family", `${HEAD} 01 15 b260 c0000203`, "candidate 1 is none"],
    [
      "an IPv6 candidate that is IPv4",
      `${HEAD} 01 16 b260 00000000000000000000ffffc0000203`,
      "candidate 1 is none",
    ],
    ["a candidate with port 0", `${HEAD} 01 14 0000 c0000203`, "candidate 1 is no address that"],
    ["a multicast candidate", `${HEAD} 01 14 b260 e0000001`, "candidate 1 is no address that"],
    ["the broadcast address", `${HEAD} 01 14 b260 ffffffff`, "candidate 1 is no address that"],
    ["an unspecified candidate", `${HEAD} 01 16 b260 ${"00".repeat(16)}`, "candidate 1 is no addr"],
    ["IPv6 multicast", `${HEAD} 01 16 b260 ff02${"00".repeat(14)}`, "candidate 1 is no address"],
    [
      "a short fragment",
      `00 0102030405060708 0003 657674 ${PASSWORD} 00`,
      "the user name fragment",
    ],
    [
      "a strange fragment",
      `00 0102030405060708 0004 65767420 ${PASSWORD} 00`,
      "the user name frag",
    ],
    ["a short password", `00 0102030405060708 ${FRAGMENT} 0015 ${"41".repeat(21)} 00`, "the passw"],
    ["a length beyond the end", `00 0102030405060708 ${FRAGMENT} ffff 41`, "its parts do not fit"],
    ["something behind the candidates", `${HEAD} 00 00`, "its parts do not fit"],
    ["an empty body", "", "its parts do not fit"],
  ] as const
) {
  Deno.test(`decodePunchCode() refuses ${what}, though the checksum is right`, () => {
    const found = reasonOf(forge(hex));
    assert(found.startsWith(`Cannot read the code: ${reason}`), found);
  });
}

for (
  const [what, other] of [
    ["a tie breaker of 7 bytes", { tieBreaker: new Uint8Array(7) }],
    ["a short password", { password: "short" }],
    ["a fragment with a colon", { usernameFragment: "a:bcd" }],
    ["17 candidates", { candidates: Array(17).fill(CANDIDATE) }],
    [
      "a candidate with a port of 65536",
      {
        candidates: [{ kind: "host", address: { ip: new Uint8Array([1, 2, 3, 4]), port: 65536 } }],
      },
    ],
    [
      "a candidate of 5 bytes",
      { candidates: [{ kind: "host", address: { ip: new Uint8Array([1, 2, 3, 4, 5]), port: 1 } }] },
    ],
  ] as const satisfies readonly (readonly [string, Partial<PunchDescription>])[]
) {
  Deno.test(`encodePunchCode() throws at ${what}`, () => {
    assertThrows(
      () => encodePunchCode(punchDescription(other)),
      RangeError,
      "Cannot write a punch code: ",
    );
  });
}

function reasonOf(code: string): string {
  const found = decodePunchCode(code);
  assert(!found.ok, code);
  return found.reason;
}

/** Puts length and checksum round a body. */
function forge(hex: string): string {
  const body = Uint8Array.fromHex(hex.replaceAll(" ", ""));
  const bytes = new Uint8Array(body.length + 6);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, body.length + 4);
  bytes.set(body, 2);
  view.setUint32(body.length + 2, crc32(bytes.subarray(0, body.length + 2)));
  return "pin1" + bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
