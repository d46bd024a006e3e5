import { assertEquals } from "@std/assert";
import { natReportText } from "../../lib/cli/nat_report_text.ts";
import type { NatReport } from "../../lib/protocol/discovery/mod.ts";
import { at, PORT_RESTRICTED, TWO_MINUTES, udpReport } from "./nat_reports.ts";

Deno.test("natReportText() draws the way, tells each verdict and why, and what it means", () => {
  assertEquals(natReportText(PORT_RESTRICTED), GOLDEN);
});

const GOLDEN = `\
┌───────────────────┐    ┌────────────────────┐    ┌──────────────────┐
│ this host         │    │ NAT                │    │ server           │
│ 192.168.1.2:40000 │───▶│ 203.0.113.11:40000 │───▶│ 203.0.113.1:3478 │
└───────────────────┘    └────────────────────┘    └──────────────────┘

UDP          port-restricted-cone
  Mapping    endpoint-independent
             2 server addresses see the same outside endpoint of one socket
  Filtering  address-and-port-dependent
             nothing came in from another port of 203.0.113.1:3478 before it had
             been sent to
  Port kept  yes
             13 of 13 answers show the port of the socket itself
TCP          unknown
  Mapping    endpoint-independent
             2 server addresses see the same outside endpoint of one socket
  Filtering  unknown
             this cannot be told: the server does not know DIAL-BACK

Hairpinning  no
             packets between the outside endpoints of two ports of this host do
             not arrive

UDP: a port-restricted cone NAT. Only addresses and ports that this host has
sent to can reach it: a peer has to be punched to.
TCP: a NAT that could not be told completely. Who can reach this host could not
be told.
Two hosts behind this NAT have to use their local addresses with each other.

With a peer behind      UDP                     TCP
  open                  will punch              will punch
  full cone             will punch              will punch
  restricted cone       will punch              will punch
  port-restricted cone  will punch              will punch
  symmetric             will not: use a relay   cannot be told`;

Deno.test("natReportText() draws no NAT where there is none", () => {
  const local = at("198.51.100.11:40000");
  const mapping = {
    value: "none",
    confidence: "high",
    reason: "every server sees this host's own address and port",
    depends: false,
  } as const;
  const udp = udpReport({ local, reflexive: local, mapping, classic: "firewall" });
  assertEquals(drawing({ ...PORT_RESTRICTED, udp }), [
    "┌─────────────────────┐    ┌──────────────────┐",
    "│ this host           │    │ server           │",
    "│ 198.51.100.11:40000 │───▶│ 203.0.113.1:3478 │",
    "└─────────────────────┘    └──────────────────┘",
  ]);
});

Deno.test("natReportText() draws one below the other what is too wide for a terminal", () => {
  const [evidence] = udpReport().evidence;
  const server = at("[2001:db8::1]:3478");
  const udp = udpReport({
    local: at("[fd00:1::2]:40000"),
    reflexive: at("[2001:db8:1111:2222:3333:4444:5555:6666]:40000"),
    evidence: [{ ...evidence!, to: server, from: server }],
  });
  assertEquals(drawing({ ...PORT_RESTRICTED, family: 6, udp }), [
    "┌────────────────────────────────────────────────┐",
    "│ this host                                      │",
    "│ [fd00:1::2]:40000                              │",
    "└────────────────────────────────────────────────┘",
    "     ▼",
    "┌────────────────────────────────────────────────┐",
    "│ NAT                                            │",
    "│ [2001:db8:1111:2222:3333:4444:5555:6666]:40000 │",
    "└────────────────────────────────────────────────┘",
    "     ▼",
    "┌────────────────────────────────────────────────┐",
    "│ server                                         │",
    "│ [2001:db8::1]:3478                             │",
    "└────────────────────────────────────────────────┘",
  ]);
});

Deno.test("natReportText() tells the port alone where the local address is not known", () => {
  const udp = udpReport({ local: at("0.0.0.0:40000") });
  assertEquals(drawing({ ...PORT_RESTRICTED, udp })[2]!.slice(0, 14), "│ port 40000 │");
});

Deno.test("natReportText() tells lifetime and fragments if they were tested", () => {
  const reason = "a request of 1624 bytes was not answered, small ones were";
  const lines = natReportText({
    ...PORT_RESTRICTED,
    lifetime: TWO_MINUTES,
    fragments: { value: "no", confidence: "medium", reason },
  }).split("\n");
  const from = lines.findIndex((line) => line.startsWith("Lifetime"));
  assertEquals(lines.slice(from, from + 4), [
    "Lifetime     118 to 122 s",
    "             a mapping was alive after a rest of 118 s and gone after 122 s",
    "Fragments    no, medium confidence",
    "             a request of 1624 bytes was not answered, small ones were",
  ]);
  for (
    const { measured, goneMs, expected } of [
      { measured: true, goneMs: undefined, expected: "over 118 s" },
      { measured: false, goneMs: undefined, expected: "unknown" },
    ]
  ) {
    const lifetime = { ...TWO_MINUTES, measured, goneMs };
    const line = natReportText({ ...PORT_RESTRICTED, lifetime }).split("\n")[from];
    assertEquals(line, `Lifetime     ${expected}`);
  }
});

Deno.test("natReportText() shows a disagreement of several servers by name", () => {
  const reason = "this cannot be told: the servers disagree: endpoint-independent, " +
    "address-and-port-dependent";
  const [first] = udpReport().servers;
  const udp = udpReport({
    filtering: { value: "unknown", confidence: "none", reason },
    classic: "unknown",
    servers: [first!, {
      ...first!,
      address: at("203.0.113.2:3478"),
      filtering: {
        value: "endpoint-independent",
        confidence: "high",
        reason: "an answer came in from 198.51.100.2:3479, which had never been sent to",
      },
    }],
  });
  const text = natReportText({ ...PORT_RESTRICTED, udp });
  assertEquals(
    text.split("\n\n")[3],
    `\
Filtering, as each server shows it
  203.0.113.1:3478: address-and-port-dependent
             nothing came in from another port of 203.0.113.1:3478 before it had
             been sent to
  203.0.113.2:3478: endpoint-independent
             an answer came in from 198.51.100.2:3479, which had never been sent
             to`,
  );
  assertEquals(
    text.includes(`  Filtering  unknown\n${" ".repeat(13)}this cannot be told: the`),
    true,
  );
});

Deno.test("natReportText() says of a verdict that it is not quite sure, and of no other", () => {
  const { filtering } = udpReport();
  const medium = udpReport({ filtering: { ...filtering, confidence: "medium" } });
  const changed = natReportText({ ...PORT_RESTRICTED, udp: medium }).split("\n");
  const lines = GOLDEN.split("\n");
  assertEquals(changed.filter((line, i) => line !== lines[i]), [
    "  Filtering  address-and-port-dependent, medium confidence",
  ]);
});

Deno.test("natReportText() tells of blocked transports in a line each", () => {
  const reason = "the server did not answer";
  const nothing = { value: "unknown", confidence: "none", reason } as const;
  const udp = udpReport({
    reachable: false,
    reflexive: undefined,
    mapping: { ...nothing, depends: false },
    filtering: nothing,
    hairpinning: nothing,
    portPreservation: nothing,
    classic: "blocked",
  });
  assertEquals(
    natReportText({ ...PORT_RESTRICTED, udp, tcp: undefined }),
    `\
UDP          blocked
             the server did not answer

Hairpinning  unknown
             the server did not answer

UDP: blocked, or no server answers.`,
  );
});

Deno.test("natReportText() keeps to 80 columns, and to no spaces at the end of a line", () => {
  const long = udpReport({
    hairpinning: { value: "no", confidence: "high", reason: "word ".repeat(100) },
  });
  for (const udp of [udpReport(), long, undefined]) {
    for (const line of natReportText({ ...PORT_RESTRICTED, udp }).split("\n")) {
      assertEquals([line.length <= 80, line.trimEnd() === line], [true, true], line);
    }
  }
});

function drawing(report: NatReport): readonly string[] {
  return natReportText(report).split("\n\n")[0]!.split("\n");
}
