import { assertEquals } from "@std/assert";
import { natReportJson } from "../../lib/cli/nat_report_json.ts";
import { PORT_RESTRICTED, tcpReport, TWO_MINUTES, udpReport } from "./nat_reports.ts";

Deno.test("natReportJson() has addresses as text, ms to three places, and null for what is not", () => {
  const { summary, predictions, ...report } = plain(PORT_RESTRICTED);
  assertEquals(report, {
    family: 4,
    udp: {
      reachable: true,
      reflexive: "203.0.113.11:40000",
      local: "192.168.1.2:40000",
      mapping: "endpoint-independent",
      filtering: "address-and-port-dependent",
      classic: "port-restricted-cone",
      confidence: "high",
      mappingConfidence: "high",
      filteringConfidence: "high",
      reason: "mapping: 2 server addresses see the same outside endpoint of one socket; " +
        "filtering: nothing came in from another port of 203.0.113.1:3478 before it had been " +
        "sent to",
      portPreservation: "yes",
    },
    tcp: {
      reachable: true,
      reflexive: "203.0.113.11:40001",
      local: "192.168.1.2:40001",
      mapping: "endpoint-independent",
      filtering: "unknown",
      classic: "unknown",
      confidence: "none",
      mappingConfidence: "high",
      filteringConfidence: "none",
      reason: "mapping: 2 server addresses see the same outside endpoint of one socket; " +
        "filtering: this cannot be told: the server does not know DIAL-BACK",
    },
    hairpinning: "no",
    servers: [{
      server: "203.0.113.1:3478",
      answered: true,
      otherAddress: "198.51.100.1:3479",
      filtering: "address-and-port-dependent",
      reason: "nothing came in from another port of 203.0.113.1:3478 before it had been sent to",
    }],
    evidence: [
      {
        transport: "udp",
        socket: "hello 1",
        local: "192.168.1.2:40000",
        to: "203.0.113.1:3478",
        asks: "binding",
        from: "203.0.113.1:3478",
        reflexive: "203.0.113.11:40000",
        attempts: 1,
        rttMs: 12.346,
      },
      {
        transport: "udp",
        socket: "filter port 1",
        local: "192.168.1.2:40002",
        to: "203.0.113.1:3478",
        asks: "answer from another port",
        from: null,
        reflexive: null,
        attempts: 14,
      },
      {
        transport: "tcp",
        socket: "filter",
        local: "192.168.1.2:40001",
        to: "203.0.113.1:3478",
        asks: "dial-back from another port",
        from: "203.0.113.1:3478",
        reflexive: null,
        errorCode: 420,
        note: "no DIAL-BACK-RESULT",
        attempts: 1,
        rttMs: 3,
      },
    ],
  });
  assertEquals((summary as string[]).map((line) => line.split(":")[0]), [
    "UDP",
    "TCP",
    "Two hosts behind this NAT have to use their local addresses with each other.",
  ]);
  const { udp, tcp } = predictions as Record<"udp" | "tcp", Record<string, string>[]>;
  assertEquals(udp.map(({ peer, will }) => [peer, will]), [
    ["open", "yes"],
    ["full cone", "yes"],
    ["restricted cone", "yes"],
    ["port-restricted cone", "yes"],
    ["symmetric", "no"],
  ]);
  assertEquals(Object.keys(udp[0]!), ["peer", "will", "reason"]);
  assertEquals(tcp.at(-1)!.will, "unknown");
});

Deno.test("natReportJson() has the same keys in the same order whatever is found", () => {
  const keys = ["family", "udp", "tcp", "hairpinning", "summary", "predictions", "servers"];
  const part = [
    "reachable",
    "reflexive",
    "local",
    "mapping",
    "filtering",
    "classic",
    "confidence",
    "mappingConfidence",
    "filteringConfidence",
    "reason",
  ];
  const blocked = {
    ...PORT_RESTRICTED,
    udp: udpReport({ reachable: false, reflexive: undefined, local: undefined }),
    tcp: tcpReport({ reachable: false, reflexive: undefined, local: undefined }),
  };
  for (const report of [PORT_RESTRICTED, blocked]) {
    const found = plain(report) as Record<string, Record<string, unknown>>;
    assertEquals(Object.keys(found), [...keys, "evidence"]);
    assertEquals(Object.keys(found["udp"]!), [...part, "portPreservation"]);
    assertEquals(Object.keys(found["tcp"]!), part);
  }
  const { udp, tcp, predictions } = plain(blocked) as Record<string, Record<string, unknown>>;
  assertEquals([udp!["reflexive"], udp!["local"], tcp!["reflexive"]], [null, null, null]);
  assertEquals(predictions, {});
});

Deno.test("natReportJson() leaves out what was not tested", () => {
  const udpAlone = plain({ ...PORT_RESTRICTED, tcp: undefined });
  assertEquals("tcp" in udpAlone, false);
  const tcpAlone = plain({ ...PORT_RESTRICTED, udp: undefined });
  assertEquals(["udp" in tcpAlone, tcpAlone["hairpinning"], tcpAlone["servers"]], [
    false,
    "unknown",
    [],
  ]);
});

Deno.test("natReportJson() has lifetime and fragments if they were tested", () => {
  const fragments = { value: "yes", confidence: "high", reason: "they passed" } as const;
  const { lifetime, fragments: told } = plain({
    ...PORT_RESTRICTED,
    lifetime: TWO_MINUTES,
    fragments,
  });
  assertEquals({ lifetime, told }, {
    lifetime: {
      measured: true,
      aliveMs: 118_000,
      goneMs: 122_000,
      reason: "a mapping was alive after a rest of 118 s and gone after 122 s",
    },
    told: "yes",
  });
  const outlived = plain({
    ...PORT_RESTRICTED,
    lifetime: { ...TWO_MINUTES, goneMs: undefined },
  }) as Record<string, Record<string, unknown>>;
  assertEquals(outlived["lifetime"]!["goneMs"], null);
});

/** What is left of it as JSON. */
function plain(report: Parameters<typeof natReportJson>[0]): Record<string, unknown> {
  return JSON.parse(JSON.stringify(natReportJson(report)));
}
