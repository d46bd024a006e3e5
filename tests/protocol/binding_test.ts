import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { ENDPOINT_ROLES, type EndpointRole, StunResponder } from "../../lib/protocol/mod.ts";
import {
  attribute,
  CHANGE_REQUEST,
  formatSocketAddress,
  PADDING,
  RESPONSE_PORT,
} from "../../lib/wire/mod.ts";
import {
  address,
  arrival,
  type ArrivalOptions,
  CLASSIC_ID,
  describe,
  ID,
  IPV4_GROUP,
  IPV4_SOURCE,
  IPV6_GROUP,
  IPV6_SOURCE,
  raw,
  request,
} from "./binding_cases.ts";

// RFC 5780 section 6.1, table 1: from where the answer comes, by where the request came in.
const CHANGES: readonly {
  readonly role: EndpointRole;
  readonly via: readonly [none: string, port: string, address: string, both: string];
}[] = [
  { role: "primary", via: ["primary", "alternate-port", "alternate-address", "alternate-both"] },
  {
    role: "alternate-port",
    via: ["alternate-port", "primary", "alternate-both", "alternate-address"],
  },
  {
    role: "alternate-address",
    via: ["alternate-address", "alternate-both", "primary", "alternate-port"],
  },
  {
    role: "alternate-both",
    via: ["alternate-both", "alternate-address", "alternate-port", "primary"],
  },
];

const FLAGS = [
  { changeAddress: false, changePort: false },
  { changeAddress: false, changePort: true },
  { changeAddress: true, changePort: false },
  { changeAddress: true, changePort: true },
] as const;

for (const { role, via } of CHANGES) {
  for (const [index, flags] of FLAGS.entries()) {
    const name = `${flags.changeAddress ? "address " : ""}${flags.changePort ? "port" : ""}`.trim();
    const changed = name === "" ? "nothing" : name.replace(" ", " and ");
    Deno.test(`StunResponder.handle() changes ${changed} for a request to ${role}`, () => {
      for (const [source, group] of FAMILIES) {
        const answers = (on: ArrivalOptions, classic = false) =>
          describe(
            new StunResponder().handle(
              arrival(request([attribute(CHANGE_REQUEST, flags)], { classic }), on),
            ),
          );
        const on = { source, group, role };
        const from = via[index] as EndpointRole;
        const reflexive = formatSocketAddress(source);
        const origin = formatSocketAddress(group[from]);
        const other = formatSocketAddress(group[via[3] as EndpointRole]);
        assertEquals(answers(on), {
          class: "success",
          id: ID.toHex(),
          attributes: [
            ["XOR-MAPPED-ADDRESS", reflexive],
            ["RESPONSE-ORIGIN", origin],
            ["OTHER-ADDRESS", other],
          ],
          to: reflexive,
          via: from,
        });
        assertEquals(answers(on, true), {
          class: "success",
          id: CLASSIC_ID.toHex(),
          attributes: [
            ["MAPPED-ADDRESS", reflexive],
            ["SOURCE-ADDRESS", origin],
            ["CHANGED-ADDRESS", other],
          ],
          to: reflexive,
          via: from,
        });
      }
    });
  }
}

Deno.test("StunResponder.handle() names both addresses of every role, over TCP and TLS too", () => {
  for (const { role, via } of CHANGES) {
    for (const transport of ["udp", "tcp", "tls"] as const) {
      const reply = new StunResponder().handle(
        arrival(request(), { role, group: IPV4_GROUP, transport }),
      );
      assertEquals(describe(reply), {
        class: "success",
        id: ID.toHex(),
        attributes: [
          ["XOR-MAPPED-ADDRESS", "192.0.2.1:32853"],
          ["RESPONSE-ORIGIN", formatSocketAddress(IPV4_GROUP[role])],
          ["OTHER-ADDRESS", formatSocketAddress(IPV4_GROUP[via[3] as EndpointRole])],
        ],
        to: "192.0.2.1:32853",
        via: role,
      });
    }
  }
});

Deno.test("StunResponder.handle() reads no more than the two flags of CHANGE-REQUEST", () => {
  const reply = new StunResponder().handle(
    arrival(request([raw(0x0003, "fffffff9")]), { group: IPV4_GROUP }),
  );
  assertEquals(reply?.via, "primary");
});

Deno.test("StunResponder.handle() answers 400 when CHANGE-REQUEST cannot be read", () => {
  for (const hex of ["", "0000", "0000000600"]) {
    const bytes = request([raw(0x0003, hex)]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), [400, undefined]);
  }
});

Deno.test("StunResponder.handle() sends to RESPONSE-PORT at the same address, from the same socket", () => {
  for (const role of ENDPOINT_ROLES) {
    for (const [source, group] of FAMILIES) {
      const bytes = request([attribute(RESPONSE_PORT, 50_000)]);
      const reply = new StunResponder().handle(arrival(bytes, { source, group, role }));
      assertEquals(reply?.destination, { ip: source.ip, port: 50_000 });
      assertEquals(reply?.via, role);
      assertEquals(describe(reply)?.attributes[0], [
        "XOR-MAPPED-ADDRESS",
        formatSocketAddress(source),
      ]);
    }
  }
});

Deno.test("StunResponder.handle() honours RESPONSE-PORT and CHANGE-REQUEST together", () => {
  const bytes = request([
    attribute(RESPONSE_PORT, 50_000),
    attribute(CHANGE_REQUEST, { changeAddress: true, changePort: true }),
  ]);
  const described = describe(new StunResponder().handle(arrival(bytes, { group: IPV4_GROUP })));
  assertEquals([described?.to, described?.via], ["192.0.2.1:50000", "alternate-both"]);
});

Deno.test("StunResponder.handle() sends errors to the source, whatever RESPONSE-PORT says", () => {
  const bytes = request([
    attribute(RESPONSE_PORT, 50_000),
    attribute(CHANGE_REQUEST, { changeAddress: true, changePort: true }),
    raw(0x7001),
  ]);
  const described = describe(new StunResponder().handle(arrival(bytes, { group: IPV4_GROUP })));
  assertEquals([described?.class, described?.to, described?.via], [
    "error",
    "192.0.2.1:32853",
    "primary",
  ]);
});

Deno.test("StunResponder.handle() answers 400 when RESPONSE-PORT cannot be read or is 0", () => {
  for (const hex of ["", "c350", "00000000", "c35000000000"]) {
    const bytes = request([raw(0x0027, hex)]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), [400, undefined]);
  }
});

Deno.test("StunResponder.handle() answers 400 to RESPONSE-PORT with PADDING", () => {
  const bytes = request([attribute(RESPONSE_PORT, 50_000), attribute(PADDING, 64)]);
  assertEquals(errorOf(bytes, { group: IPV4_GROUP }), [400, undefined]);
});

Deno.test("StunResponder.handle() pads its answer when asked, never beyond the request", () => {
  const responder = new StunResponder({ software: "Pinhole" });
  for (const [source, group] of FAMILIES) {
    const plain = responder.handle(arrival(request(), { source, group }))!.bytes.length;
    for (let length = 0; length <= 1500; length++) {
      const bytes = request([attribute(PADDING, length)]);
      const reply = responder.handle(arrival(bytes, { source, group }))!;
      // 4 bytes of header and at least 4 of padding, or none at all
      const wanted = Math.min(length & ~3, bytes.length - plain - 4);
      const padding = describe(reply)!.attributes.find(([name]) => name === "PADDING");
      assertEquals(padding, wanted >= 4 ? ["PADDING", wanted] : undefined);
      assertLessOrEqual(reply.bytes.length, Math.max(plain, bytes.length));
    }
  }
});

Deno.test("StunResponder.handle() counts FINGERPRINT in when it pads", () => {
  const bytes = request([attribute(PADDING, 1000)], { fingerprint: true });
  const reply = new StunResponder().handle(arrival(bytes, { group: IPV4_GROUP }))!;
  assertEquals(reply.bytes.length, bytes.length);
  assertEquals(describe(reply)?.attributes.map(([name]) => name), [
    "XOR-MAPPED-ADDRESS",
    "RESPONSE-ORIGIN",
    "OTHER-ADDRESS",
    "PADDING",
    "FINGERPRINT",
  ]);
});

const DISCOVERY: readonly (readonly [name: string, type: number, hex: string])[] = [
  ["CHANGE-REQUEST", 0x0003, "00000006"],
  ["CHANGE-REQUEST without a flag", 0x0003, "00000000"],
  ["PADDING", 0x0026, "00".repeat(64)],
  ["RESPONSE-PORT", 0x0027, "c3500000"],
];

for (const [name, type, hex] of DISCOVERY) {
  Deno.test(`StunResponder.handle() does not know ${name} without an alternate address`, () => {
    assertEquals(errorOf(request([raw(type, hex)]), {}), [420, [type]]);
  });

  Deno.test(`StunResponder.handle() does not know ${name} over TCP and TLS`, () => {
    for (const transport of ["tcp", "tls"] as const) {
      assertEquals(
        errorOf(request([raw(type, hex)]), { group: IPV4_GROUP, transport }),
        [420, [type]],
      );
    }
  });

  Deno.test(`StunResponder.handle() does not know ${name} when the request is from a service's port`, () => {
    for (const port of [1, 53, 1023, 3478]) {
      for (const [{ ip }, group] of FAMILIES) {
        const on = { group, source: { ip, port } };
        assertEquals(errorOf(request([raw(type, hex)]), on), [420, [type]]);
      }
    }
    for (const port of [1024, 3477, 3479, 65_535]) {
      const on = { group: IPV4_GROUP, source: { ip: IPV4_SOURCE.ip, port } };
      assertEquals(errorOf(request([raw(type, hex)]), on), undefined);
    }
  });
}

Deno.test("StunResponder.handle() does not know a RESPONSE-PORT that is a service's", () => {
  for (const port of [1, 53, 1023, 3478]) {
    const bytes = request([attribute(RESPONSE_PORT, port)]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), [420, [0x0027]]);
  }
  for (const port of [1024, 3477, 3479, 65_535]) {
    const bytes = request([attribute(RESPONSE_PORT, port)]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), undefined);
  }
});

Deno.test("StunResponder.handle() still answers plain requests from a service's port", () => {
  const on = { group: IPV4_GROUP, source: address("192.0.2.1:3478") };
  assertEquals(errorOf(request(), on), undefined);
});

Deno.test("StunResponder.handle() serves RFC 3489's CHANGE-REQUEST without a flag everywhere", () => {
  const bytes = request([raw(0x0003, "00000000")], { classic: true });
  for (const transport of ["udp", "tcp"] as const) {
    for (const source of [IPV4_SOURCE, address("192.0.2.1:3478")]) {
      const described = describe(
        new StunResponder().handle(arrival(bytes, { transport, source })),
      );
      assertEquals(described, {
        class: "success",
        id: CLASSIC_ID.toHex(),
        attributes: [["MAPPED-ADDRESS", formatSocketAddress(source)]],
        to: formatSocketAddress(source),
        via: "primary",
      });
    }
  }
});

Deno.test("StunResponder.handle() does not know RFC 3489's CHANGE-REQUEST where it cannot serve it", () => {
  for (const hex of ["00000002", "00000004", "00000006"]) {
    const bytes = request([raw(0x0003, hex)], { classic: true });
    assertEquals(errorOf(bytes, {}), [420, [3, 3]]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP, transport: "tcp" }), [420, [3, 3]]);
    const source = address("192.0.2.1:53");
    assertEquals(errorOf(bytes, { group: IPV4_GROUP, source }), [420, [3, 3]]);
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), undefined);
  }
});

Deno.test("StunResponder.handle() knows no RFC 5780 attribute but CHANGE-REQUEST in RFC 3489", () => {
  for (const [type, hex] of [[0x0026, "00000000"], [0x0027, "c3500000"]] as const) {
    const bytes = request([raw(type, hex)], { classic: true });
    assertEquals(errorOf(bytes, { group: IPV4_GROUP }), [420, [type, type]]);
  }
});

Deno.test("StunResponder.handle() names no address of its own without an alternate one", () => {
  const on = { address: IPV4_GROUP.primary };
  const described = describe(new StunResponder().handle(arrival(request(), on)));
  assertEquals(described?.attributes, [["XOR-MAPPED-ADDRESS", "192.0.2.1:32853"]]);
});

/** Code and list of an error answer; undefined for a success. */
function errorOf(
  bytes: Uint8Array,
  on: ArrivalOptions,
): readonly [code: number, unknown: unknown] | undefined {
  const described = describe(new StunResponder().handle(arrival(bytes, on)));
  assert(described !== undefined);
  const values = new Map(described.attributes);
  const error = values.get("ERROR-CODE") as { readonly code: number } | undefined;
  assertEquals(described.class, error === undefined ? "success" : "error");
  return error && [error.code, values.get("UNKNOWN-ATTRIBUTES")];
}

const FAMILIES = [[IPV4_SOURCE, IPV4_GROUP], [IPV6_SOURCE, IPV6_GROUP]] as const;
