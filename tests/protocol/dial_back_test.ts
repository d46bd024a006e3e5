import { assertEquals } from "@std/assert";
import {
  DialBackPolicy,
  type EndpointRole,
  type Reply,
  StunResponder,
} from "../../lib/protocol/mod.ts";
import {
  decodeMessage,
  DIAL_BACK,
  DIAL_BACK_OUTCOMES,
  type DialBack,
  FINGERPRINT,
  valueOf,
} from "../../lib/wire/mod.ts";
import {
  address,
  arrival,
  type ArrivalOptions,
  describe,
  ID,
  IPV4_GROUP,
  IPV4_SOURCE,
  IPV6_SOURCE,
  outcomes,
  raw,
  request,
} from "./binding_cases.ts";

const TOKEN = Uint8Array.fromHex("0102030405060708");
const SAME: DialBack = { changeAddress: false, changePort: false, token: TOKEN };
const OTHER: DialBack = { changeAddress: true, changePort: false, token: TOKEN };
const TCP: ArrivalOptions = { transport: "tcp" };

Deno.test("DialBackPolicy.decide() dials where the connection came from, for 5 s, with the token", () => {
  const decision = new DialBackPolicy().decide(SAME, arrival(request(), TCP));
  assertEquals(decision, {
    target: IPV4_SOURCE,
    from: "primary",
    timeoutMs: 5000,
    // A Binding indication with an id of zeros and DIAL-BACK: flags(32) token(64)
    greeting: Uint8Array.fromHex(
      "00110010" + "2112a442" + "000000000000000000000000" + "c0d1000c" + "00000000" +
        "0102030405060708",
    ),
  });
});

Deno.test("DialBackPolicy.decide() dials from the role that differs in address alone", () => {
  const changed: Record<EndpointRole, EndpointRole> = {
    "primary": "alternate-address",
    "alternate-port": "alternate-both",
    "alternate-address": "primary",
    "alternate-both": "alternate-port",
  };
  for (const [role, other] of Object.entries(changed) as [EndpointRole, EndpointRole][]) {
    for (const changePort of [false, true]) {
      const from = (wanted: DialBack) => {
        const on = { ...TCP, role, group: IPV4_GROUP };
        const decision = new DialBackPolicy().decide({ ...wanted, changePort }, arrival(ID, on));
        return "from" in decision ? decision.from : decision.outcome;
      };
      // Another port is what a new connection has anyway
      assertEquals([from(SAME), from(OTHER)], [role, other]);
    }
  }
});

Deno.test("DialBackPolicy.decide() cannot change the address without an alternate one", () => {
  const policy = new DialBackPolicy();
  for (let i = 0; i < 1000; i++) {
    assertEquals(policy.decide(OTHER, arrival(ID, TCP)), { outcome: "unsupported" });
  }
  // That has cost nothing
  assertEquals(spend(policy, { now: 0 }, 11), 10);
});

Deno.test("DialBackPolicy.decide() lets one source have 10 at once and one every 5 s", () => {
  const policy = new DialBackPolicy();
  assertEquals(spend(policy, { now: 0 }, 20), 10);
  assertEquals(spend(policy, { now: 4999 }, 5), 0);
  assertEquals(spend(policy, { now: 5000 }, 5), 1);
  assertEquals(spend(policy, { now: 9999 }, 5), 0);
  assertEquals(spend(policy, { now: 25_000 }, 9), 4);
  assertEquals(spend(policy, { now: 1_000_000 }, 20), 10);
});

Deno.test("DialBackPolicy.decide() counts ports of one address, and an IPv6 /64, as one source", () => {
  const policy = new DialBackPolicy();
  const from = (text: string, times: number) =>
    spend(policy, { now: 0, source: address(text) }, times);
  assertEquals([from("192.0.2.1:1", 6), from("192.0.2.1:2", 6)], [6, 4]);
  assertEquals([from("192.0.2.2:1", 12), from("192.0.2.1:3", 1)], [10, 0]);
  assertEquals([from("[2001:db8::1]:1", 8), from("[2001:db8::2]:1", 8)], [8, 2]);
  assertEquals(from("[2001:db8:0:1::1]:1", 8), 8);
});

Deno.test("DialBackPolicy.decide() lets all sources together have 100 at once and 50 a second", () => {
  const policy = new DialBackPolicy({ seed: 7 });
  const crowd = (now: number, first: number) => {
    let made = 0;
    for (let i = 0; i < 200; i++) {
      const source = address(`10.${first}.${i >> 8}.${i & 255}:1`);
      made += spend(policy, { now, source }, 1);
    }
    return made;
  };
  assertEquals(crowd(0, 0), 100);
  assertEquals(crowd(19, 1), 0);
  assertEquals(crowd(20, 2), 1);
  assertEquals(crowd(1020, 3), 50);
  assertEquals(crowd(60_000, 4), 100);
});

Deno.test("DialBackPolicy.decide() takes nothing of what all share for a source without budget", () => {
  const policy = new DialBackPolicy();
  assertEquals(spend(policy, { now: 0 }, 1000), 10);
  let made = 0;
  for (let i = 0; i < 200; i++) {
    made += spend(policy, { now: 0, source: address(`10.0.0.${i}:1`) }, 1);
  }
  assertEquals(made, 90);
});

const WANTED = raw(0xc0d1, "00000000" + "0102030405060708");
const WANTED_OTHER = raw(0xc0d1, "00000004" + "0102030405060708");

Deno.test("StunResponder.handle() orders a dial-back over TCP and TLS and leaves the answer open", () => {
  for (const transport of ["tcp", "tls"] as const) {
    for (const source of [IPV4_SOURCE, IPV6_SOURCE]) {
      const reply = responder().handle(arrival(request([WANTED]), { transport, source }))!;
      const { target, from, timeoutMs, greeting } = reply.dialBack!;
      assertEquals([target, from, timeoutMs], [source, "primary", 5000]);
      assertEquals(tokenOf(greeting), TOKEN);
      // Who cannot dial sends this
      assertEquals(result(reply), { outcome: "unsupported", elapsedMs: 0 });
    }
  }
});

Deno.test("StunResponder.handle() makes the answer from what became of the dial-back", () => {
  const reply = responder({ software: "Pinhole" }).handle(
    arrival(request([WANTED], { fingerprint: true }), { ...TCP, group: IPV4_GROUP }),
  )!;
  for (const outcome of DIAL_BACK_OUTCOMES) {
    const bytes = reply.dialBack!.answer(outcome, 1234);
    const { attributes, ...rest } = describe({ ...reply, bytes })!;
    assertEquals(rest, {
      class: "success",
      id: ID.toHex(),
      to: "192.0.2.1:32853",
      via: "primary",
    });
    assertEquals(attributes.slice(0, -1), [
      ["XOR-MAPPED-ADDRESS", "192.0.2.1:32853"],
      ["RESPONSE-ORIGIN", "198.51.100.1:3478"],
      ["OTHER-ADDRESS", "198.51.100.2:3479"],
      ["SOFTWARE", "Pinhole"],
      ["DIAL-BACK-RESULT", { outcome, elapsedMs: 1234 }],
    ]);
    assertEquals(attributes.at(-1)![0], FINGERPRINT.name);
  }
});

Deno.test("StunResponder.handle() dials from another address when there is an alternate one", () => {
  const dialler = responder();
  const on = { ...TCP, group: IPV4_GROUP };
  assertEquals(
    dialler.handle(arrival(request([WANTED_OTHER]), on))!.dialBack!.from,
    "alternate-address",
  );
  const alone = dialler.handle(arrival(request([WANTED_OTHER]), TCP))!;
  assertEquals([alone.dialBack, result(alone)], [undefined, {
    outcome: "unsupported",
    elapsedMs: 0,
  }]);
});

Deno.test("StunResponder.handle() does not permit dial-backs over the budget", () => {
  const dialler = responder();
  const ask = () => dialler.handle(arrival(request([WANTED]), TCP))!;
  for (let i = 0; i < 10; i++) assertEquals(ask().dialBack === undefined, false);
  const reply = ask();
  assertEquals([reply.dialBack, result(reply)], [undefined, {
    outcome: "not-permitted",
    elapsedMs: 0,
  }]);
  assertEquals(outcomes(dialler), ["tcp 4 success 11"]);
});

Deno.test("StunResponder.handle() cannot dial back without a policy", () => {
  const reply = new StunResponder().handle(arrival(request([WANTED]), TCP))!;
  assertEquals([reply.dialBack, result(reply)], [undefined, {
    outcome: "unsupported",
    elapsedMs: 0,
  }]);
});

Deno.test("StunResponder.handle() ignores DIAL-BACK over UDP, and one that cannot be read", () => {
  const dialler = responder();
  const plain = dialler.handle(arrival(request()))!.bytes;
  assertEquals(dialler.handle(arrival(request([WANTED])))!, {
    bytes: plain,
    destination: IPV4_SOURCE,
    via: "primary",
  });
  for (
    const hex of ["", "00000000", "00000000" + "01020304050607", "00000000" + "010203040506070809"]
  ) {
    const reply = dialler.handle(arrival(request([raw(0xc0d1, hex)]), TCP))!;
    assertEquals([reply.dialBack, reply.bytes], [undefined, plain]);
  }
});

Deno.test("StunResponder.handle() dials back for nobody whom it refuses", () => {
  const dialler = responder();
  const reply = dialler.handle(arrival(request([WANTED, raw(0x7001)]), TCP))!;
  assertEquals([reply.dialBack, describe(reply)!.class], [undefined, "error"]);
});

function responder(options: { software?: string } = {}): StunResponder {
  return new StunResponder({ ...options, dialBackPolicy: new DialBackPolicy() });
}

/** How many of so many dial-backs are made. */
function spend(policy: DialBackPolicy, on: ArrivalOptions, times: number): number {
  let made = 0;
  for (let i = 0; i < times; i++) {
    const decision = policy.decide(SAME, arrival(ID, { ...TCP, ...on }));
    if ("target" in decision) made++;
    else assertEquals(decision, { outcome: "not-permitted" });
  }
  return made;
}

function result(reply: Reply): unknown {
  return Object.fromEntries(describe(reply)!.attributes)["DIAL-BACK-RESULT"];
}

function tokenOf(greeting: Uint8Array): Uint8Array | undefined {
  const message = decodeMessage(greeting);
  return message.ok ? valueOf(message.value, DIAL_BACK)?.token : undefined;
}
