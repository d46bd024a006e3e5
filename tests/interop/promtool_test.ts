// A scrape of our metrics, read and criticised by Prometheus' own tool.

import { assertEquals } from "@std/assert";
import { openHttpServer, operationsRoutes } from "../../lib/ops/http/mod.ts";
import { openServerMetrics, silentLogger } from "../../lib/ops/mod.ts";
import { OUTCOMES, ResponderStatistics } from "../../lib/protocol/mod.ts";
import { formatSocketAddress } from "../../lib/wire/mod.ts";
import { testWithTool } from "../support/tool.ts";
import { PROMTOOL, promtool } from "./_promtool.ts";

testWithTool({
  name: "promtool check metrics has no complaint about a scrape over HTTP",
  tools: [PROMTOOL],
  fn: async () => {
    const text = await scrape();
    assertEquals(await promtool(text), { code: 0, stdout: "", stderr: "" });
  },
});

testWithTool({
  name: "promtool check metrics does complain when a scrape is wrong, or named against its rules",
  tools: [PROMTOOL],
  fn: async () => {
    const text = await scrape();
    const wrong = [
      text.replace("\npinhole_uptime_seconds ", "\npinhole_uptime_seconds x"),
      text.replaceAll("pinhole_sent_bytes_total", "pinhole_sent_bytes"),
      text.replace(/^# HELP pinhole_requests_total .*\n/m, ""),
    ];
    const codes = [];
    for (const one of wrong) codes.push((await promtool(one)).code);
    assertEquals(codes, [1, 3, 3]);
  },
});

/** What a busy server's `/metrics` answers, with a sample of everything that it can show. */
async function scrape(): Promise<string> {
  const statistics = new ResponderStatistics();
  for (const outcome of OUTCOMES) {
    for (const transport of ["udp", "tcp", "tls"] as const) {
      statistics.add(transport, 4, outcome);
      statistics.add(transport, 6, outcome);
    }
  }
  const metrics = await openServerMetrics({
    version: "0.1.0",
    io: "deno",
    snapshot: () => ({
      outcomes: statistics.counts(),
      transports: [
        { transport: "udp", receivedBytes: 20, sentBytes: 32 },
        { transport: "tcp", receivedBytes: 2 ** 53, sentBytes: 1e21, openConnections: 10_000 },
      ],
      dialBacks: { "connected": 3, "timed-out": 1 },
    }),
  });
  for (const seconds of [0.000_03, 0.002, 1]) metrics.observe(seconds);
  const readiness = () => Promise.resolve({ ready: true, detail: "" });
  await using server = await openHttpServer({
    ip: Uint8Array.of(127, 0, 0, 1),
    port: 0,
    routes: operationsRoutes({
      readiness,
      metrics,
      operators: [{ ip: Uint8Array.of(127, 0, 0, 0), bits: 8 }],
      logger: silentLogger,
    }),
    logger: silentLogger,
  });
  const response = await fetch(`http://${formatSocketAddress(server.address)}/metrics`);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return await response.text();
}
