import { assertEquals } from "@std/assert";
import { AddressTokenAuthority, type Arrival, StunResponder } from "../../lib/protocol/mod.ts";
import { ADDRESS_TOKEN, decodeMessage, valueOf } from "../../lib/wire/mod.ts";
import {
  arrival,
  type ArrivalOptions,
  CLASSIC_ID,
  IPV6_SOURCE,
  raw,
  request,
} from "./binding_cases.ts";

const TOKENS = new AddressTokenAuthority({ secret: new Uint8Array(32), lifetimeMs: 600_000 });
const ZEROS = raw(ADDRESS_TOKEN.type, "00".repeat(32));

for (const transport of ["udp", "tcp", "tls"] as const) {
  for (const source of [undefined, IPV6_SOURCE]) {
    const family = source === undefined ? "IPv4" : "IPv6";
    Deno.test(`StunResponder.handle() fills in an address token over ${transport}, ${family}`, () => {
      const asked = arrival(request([ZEROS]), { transport, ...source && { source } });
      const token = tokenIn(asked)!;
      const check = (over: "udp" | "tcp" | "tls", at = asked.source) =>
        TOKENS.check(token, at, over, asked.wallTime + 600_000);
      assertEquals(check(transport), "valid");
      assertEquals(check(transport === "udp" ? "tcp" : "udp"), "forged");
      assertEquals(check(transport, { ...asked.source, port: 1 }), "forged");
    });
  }
}

Deno.test("StunResponder.handle() adds to the answer no more than the question had", () => {
  const answer = (attributes: Parameters<typeof request>[0]) =>
    new StunResponder({ addressTokens: TOKENS }).handle(arrival(request(attributes)))!.bytes.length;
  assertEquals(answer([ZEROS]) - answer([]), request([ZEROS]).length - request().length);
});

const IGNORED: readonly (readonly [string, Parameters<typeof request>, ArrivalOptions?])[] = [
  ["is not asked for", [[]]],
  ["has a bit that is set", [[raw(ADDRESS_TOKEN.type, "00".repeat(31) + "01")]]],
  ["is too short", [[raw(ADDRESS_TOKEN.type, "00".repeat(28))]]],
  ["comes in a request of RFC 3489", [[ZEROS], { classic: true, transactionId: CLASSIC_ID }]],
];
for (const [what, message, options] of IGNORED) {
  Deno.test(`StunResponder.handle() ignores an address token that ${what}`, () => {
    assertEquals(tokenIn(arrival(request(...message), options)), undefined);
  });
}

Deno.test("StunResponder.handle() ignores ADDRESS-TOKEN where there is no secret", () => {
  const reply = new StunResponder().handle(arrival(request([ZEROS])))!;
  assertEquals(reply.bytes.length, 32);
});

function tokenIn(asked: Arrival): Uint8Array | undefined {
  const reply = new StunResponder({ addressTokens: TOKENS }).handle(asked)!;
  const message = decodeMessage(reply.bytes);
  if (!message.ok) throw new Error(message.reason);
  assertEquals(message.value.class, "success");
  return valueOf(message.value, ADDRESS_TOKEN);
}
