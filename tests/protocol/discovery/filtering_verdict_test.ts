import { assertEquals } from "@std/assert";
import {
  type FilteringObservation,
  judgeFiltering,
  mergeFiltering,
  type NatFiltering,
  type NatProbeResult,
  type Verdict,
} from "../../../lib/protocol/discovery/mod.ts";
import {
  attribute,
  decodeMessage,
  encodeMessage,
  ERROR_CODE,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { address, ID } from "../binding_cases.ts";

const SERVER = "203.0.113.1:3478";
const PORT = "203.0.113.1:3479";
const OTHER = "203.0.113.2:3479";
const LOCAL = address("192.168.1.2:5000");
const SILENCE: NatProbeResult = { answered: false, attempts: 14, local: LOCAL };
const FROM_SERVER = answer(SERVER);
const FROM_PORT = answer(PORT);
const FROM_OTHER = answer(OTHER);
const ERROR = answer(SERVER, 420);

/** A server that is alive everywhere, whose answers do not come in. */
const SILENT: FilteringObservation = {
  server: address(SERVER),
  other: address(OTHER),
  both: SILENCE,
  port: SILENCE,
  otherAlive: true,
  otherPortAlive: true,
  attempts: [1, 1, 1, 1, 1],
  bothControl: undefined,
  portControl: undefined,
};
const CONTROLLED = { ...SILENT, bothControl: FROM_OTHER, portControl: FROM_PORT };

const CASES: readonly (readonly [
  when: string,
  seen: FilteringObservation,
  value: NatFiltering,
  confidence: "high" | "medium" | "none",
  reason: string,
])[] = [
  [
    "the other address comes in",
    { ...SILENT, both: FROM_OTHER, port: FROM_PORT },
    "endpoint-independent",
    "high",
    "an answer came in from 203.0.113.2:3479, which had never been sent to",
  ],
  [
    "another address comes in than was named",
    { ...SILENT, both: answer("192.0.2.9:1"), port: SILENCE },
    "endpoint-independent",
    "high",
    "an answer came in from 192.0.2.9:1, which had never been sent to",
  ],
  [
    "the other address comes in where the other port was asked for",
    { ...SILENT, port: FROM_OTHER },
    "endpoint-independent",
    "high",
    "an answer came in from 203.0.113.2:3479, which had never been sent to",
  ],
  [
    "the port comes in, and the address once it is let in",
    { ...SILENT, port: FROM_PORT, bothControl: FROM_OTHER },
    "address-dependent",
    "high",
    `an answer came in from another port of ${SERVER}, none from its other address`,
  ],
  [
    "the port comes in, and the address cannot be let in",
    { ...SILENT, port: FROM_PORT },
    "address-dependent",
    "medium",
    `an answer came in from another port of ${SERVER}, none from its other address`,
  ],
  ...cannot(`${SERVER} does not answer from its other address`, [
    ["the port comes in, and the address does not even when it is let in", {
      ...SILENT,
      port: FROM_PORT,
      bothControl: SILENCE,
    }],
    ["the port comes in, and the address answers from the port", {
      ...SILENT,
      port: FROM_PORT,
      bothControl: FROM_PORT,
    }],
    ["the port comes in, and nobody is at the address", {
      ...SILENT,
      port: FROM_PORT,
      otherAlive: false,
    }],
    ["nothing comes in, and nobody is at the address", { ...SILENT, otherAlive: false }],
  ]),
  [
    "nothing comes in before it is let in",
    CONTROLLED,
    "address-and-port-dependent",
    "high",
    `nothing came in from another port of ${SERVER} before it had been sent to`,
  ],
  [
    "nothing comes in before the port is let in, and nobody is at the address",
    { ...CONTROLLED, bothControl: undefined, otherAlive: false },
    "address-and-port-dependent",
    "high",
    `nothing came in from another port of ${SERVER} before it had been sent to`,
  ],
  [
    "nothing comes in and it cannot be let in",
    SILENT,
    "address-and-port-dependent",
    "medium",
    `nothing came in from another port or the other address of ${SERVER}`,
  ],
  ...cannot(`${SERVER} does not answer from its other port`, [
    ["the port does not come in even when it is let in", { ...CONTROLLED, portControl: SILENCE }],
    ["the port answers from the server when it is let in", {
      ...CONTROLLED,
      portControl: FROM_SERVER,
    }],
    ["nothing comes in, and nobody is at the port", { ...SILENT, otherPortAlive: false }],
  ]),
  ...cannot(`${SERVER} ignores CHANGE-REQUEST and answers from where it was asked`, [
    ["both are ignored", { ...SILENT, both: FROM_SERVER, port: FROM_SERVER }],
    ["the address is ignored", { ...SILENT, both: FROM_SERVER }],
    ["the port is ignored", { ...CONTROLLED, port: FROM_SERVER }],
  ]),
  ...cannot(`${SERVER} refuses CHANGE-REQUEST`, [
    ["both are refused", { ...SILENT, both: ERROR, port: ERROR }],
    ["the port is refused", { ...SILENT, port: ERROR }],
  ]),
  ...cannot(`${SERVER} answered from another port when it was asked for another address`, [
    ["the port is changed alone", { ...SILENT, both: FROM_PORT, port: FROM_PORT }],
  ]),
  ...cannot(`${SERVER} leaves many requests unanswered, so its silence means nothing`, [
    ["the server answers seldom", { ...CONTROLLED, attempts: [1, 1, 3, 5, 5] }],
    ["it answers seldom from the first", { ...CONTROLLED, attempts: [5, 7] }],
    ["the port comes in, and the server answers seldom", {
      ...SILENT,
      port: FROM_PORT,
      bothControl: FROM_OTHER,
      attempts: [1, 7],
    }],
  ]),
  [
    "every answer takes three requests, as over a long way",
    { ...CONTROLLED, attempts: [3, 3, 3, 3, 3] },
    "address-and-port-dependent",
    "high",
    `nothing came in from another port of ${SERVER} before it had been sent to`,
  ],
];

for (const [when, seen, value, confidence, reason] of CASES) {
  Deno.test(`judgeFiltering() says ${value} when ${when}`, () => {
    assertEquals(judgeFiltering(seen), { value, confidence, reason });
  });
}

const EIF: Verdict<NatFiltering> = {
  value: "endpoint-independent",
  confidence: "high",
  reason: "seen",
};
const APDF: Verdict<NatFiltering> = { ...EIF, value: "address-and-port-dependent" };
const LIKELY: Verdict<NatFiltering> = { ...APDF, confidence: "medium", reason: "silence" };
const UNKNOWN: Verdict<NatFiltering> = { value: "unknown", confidence: "none", reason: "why" };

for (
  const [when, verdicts, merged] of [
    ["there is one", [EIF], EIF],
    ["others cannot tell", [UNKNOWN, APDF, UNKNOWN], APDF],
    ["one is surer", [LIKELY, APDF], APDF],
    ["none can tell", [UNKNOWN, { ...UNKNOWN, reason: "another" }], UNKNOWN],
    ["none is sure", [LIKELY, LIKELY], LIKELY],
    ["there is none", [], {
      ...UNKNOWN,
      reason: "this cannot be told: no server has RFC 5780, which it takes to tell the filtering",
    }],
    ["two disagree", [EIF, UNKNOWN, LIKELY], {
      ...UNKNOWN,
      reason:
        "this cannot be told: the servers disagree: endpoint-independent, address-and-port-dependent",
    }],
  ] as const
) {
  Deno.test(`mergeFiltering() comes to ${merged.value} when ${when}`, () => {
    assertEquals(mergeFiltering(verdicts), merged);
  });
}

function cannot(
  why: string,
  cases: readonly (readonly [when: string, seen: FilteringObservation])[],
): readonly (readonly [string, FilteringObservation, "unknown", "none", string])[] {
  return cases.map(([when, seen]) =>
    [when, seen, "unknown", "none", `this cannot be told: ${why}`] as const
  );
}

function answer(from: string, errorCode?: number): NatProbeResult {
  const attributes = errorCode === undefined
    ? [attribute(XOR_MAPPED_ADDRESS, address("198.51.100.1:6000"))]
    : [attribute(ERROR_CODE, { code: errorCode, reason: "" })];
  const message = decodeMessage(encodeMessage({
    class: errorCode === undefined ? "success" : "error",
    method: 1,
    transactionId: ID,
    attributes,
  }));
  if (!message.ok) throw new TypeError(message.reason);
  const source = address(from);
  return { answered: true, response: message.value, source, rttMs: 20, attempts: 1, local: LOCAL };
}
