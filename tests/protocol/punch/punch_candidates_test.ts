import { assertEquals } from "@std/assert";
import { punchCandidates, type PunchFindings, punchSide } from "../../../lib/protocol/punch/mod.ts";
import { formatSocketAddress } from "../../../lib/wire/mod.ts";
import { simAddress } from "../../sim/mod.ts";

const HOST = "192.168.1.2:5000";

for (
  const [what, { hosts = [HOST], seen }, expected] of [
    ["the host's own address and where a server saw it", { seen: ["203.0.113.9:61000"] }, [
      "host 192.168.1.2:5000",
      "reflexive 203.0.113.9:61000",
    ]],
    ["an address once, though two servers saw it", {
      seen: ["203.0.113.9:61000", "203.0.113.9:61000"],
    }, ["host 192.168.1.2:5000", "reflexive 203.0.113.9:61000"]],
    ["no reflexive address where nothing translates", { seen: [HOST] }, ["host 192.168.1.2:5000"]],
    ["the next ports of a NAT that counts", {
      hosts: [],
      seen: ["203.0.113.9:61000", "203.0.113.9:61001"],
    }, [
      "reflexive 203.0.113.9:61000",
      "reflexive 203.0.113.9:61001",
      "predicted 203.0.113.9:61002",
      "predicted 203.0.113.9:61003",
      "predicted 203.0.113.9:61004",
      "predicted 203.0.113.9:61005",
      "predicted 203.0.113.9:61006",
    ]],
    ["the next ports of a NAT that counts down in twos, above the well-known ones", {
      hosts: [],
      seen: ["203.0.113.9:1030", "203.0.113.9:1028"],
    }, [
      "reflexive 203.0.113.9:1030",
      "reflexive 203.0.113.9:1028",
      "predicted 203.0.113.9:1026",
      "predicted 203.0.113.9:1024",
    ]],
    ["no predicted port after steps that differ", {
      hosts: [],
      seen: ["203.0.113.9:61000", "203.0.113.9:61001", "203.0.113.9:61003"],
    }, [
      "reflexive 203.0.113.9:61000",
      "reflexive 203.0.113.9:61001",
      "reflexive 203.0.113.9:61003",
    ]],
    ["no predicted port after a large step", {
      hosts: [],
      seen: ["203.0.113.9:61000", "203.0.113.9:61009"],
    }, ["reflexive 203.0.113.9:61000", "reflexive 203.0.113.9:61009"]],
    ["no predicted port where the outside addresses differ", {
      hosts: [],
      seen: ["203.0.113.9:61000", "203.0.113.8:61001"],
    }, ["reflexive 203.0.113.9:61000", "reflexive 203.0.113.8:61001"]],
    ["nothing where nothing is known", { hosts: [], seen: [] }, []],
  ] as const satisfies readonly (readonly [string, Seen, readonly string[]])[]
) {
  Deno.test(`punchCandidates() names ${what}`, () => {
    const names = punchCandidates(findings({ hosts, seen }))
      .map(({ kind, address }) => `${kind} ${formatSocketAddress(address)}`);
    assertEquals(names, [...expected]);
  });
}

Deno.test("punchCandidates() names no more than a description may have", () => {
  const seen = Array.from({ length: 20 }, (_, i) => `203.0.113.9:${61000 + i}`);
  assertEquals(punchCandidates(findings({ hosts: [HOST], seen })).length, 16);
});

for (
  const [what, seen, expected] of [
    ["nothing of what one server saw", ["203.0.113.9:61000"], undefined],
    ["that nothing translates", [HOST], ["none", false]],
    ["that the mapping is the same for two servers", ["203.0.113.9:61000", "203.0.113.9:61000"], [
      "endpoint-independent",
      false,
    ]],
    ["that the mapping depends on the server", ["203.0.113.9:61000", "203.0.113.9:61001"], [
      "unknown",
      true,
    ]],
  ] as const satisfies readonly (readonly [string, readonly string[], unknown])[]
) {
  Deno.test(`punchSide() tells ${what}`, () => {
    const side = punchSide(findings({ hosts: [HOST], seen }));
    assertEquals<unknown>(side && [side.mapping.value, side.mapping.depends], expected);
    assertEquals(side?.reachable ?? true, true);
    assertEquals(side?.filtering.value ?? "unknown", "unknown");
  });
}

Deno.test("punchSide() tells that no server was reached, if any was asked", () => {
  const none = { hosts: [], observations: [] };
  assertEquals(punchSide({ ...none, asked: 2 }), {
    reachable: false,
    mapping: { value: "unknown", depends: false },
    filtering: { value: "unknown" },
  });
  assertEquals(punchSide({ ...none, asked: 0 }), undefined);
});

interface Seen {
  readonly hosts?: readonly string[];
  readonly seen: readonly string[];
}

/** What servers on as many addresses saw. */
function findings({ hosts, seen }: Required<Seen>): PunchFindings {
  return {
    hosts: hosts.map(simAddress),
    observations: seen.map((text, i) => ({
      to: simAddress(`198.51.100.${i + 1}:3478`),
      reflexive: simAddress(text),
    })),
    asked: seen.length,
  };
}
