import { assert, assertEquals, assertThrows } from "@std/assert";
import { openServerMetrics, type ServerMetrics, type ServerSnapshot } from "../../lib/ops/mod.ts";
import { OUTCOMES, ResponderStatistics } from "../../lib/protocol/mod.ts";
import { ROOT } from "../support/pinhole_server.ts";
import { deno } from "../support/process.ts";
import { VirtualClock } from "../support/virtual_clock.ts";

const NOTHING: ServerSnapshot = { outcomes: [], transports: [], dialBacks: {} };

Deno.test("ServerMetrics.contentType is that of Prometheus' text format", async () => {
  assertEquals((await metricsOf(NOTHING)).contentType, "text/plain; version=0.0.4; charset=utf-8");
});

Deno.test("ServerMetrics.text() shows each metric with its help and type", async () => {
  const text = await (await metricsOf(NOTHING)).text();
  const types = [...text.matchAll(/^# HELP (\w+) \S.*\n# TYPE (\w+) (\w+)$/gm)].map((match) => {
    assertEquals(match[1], match[2]);
    return `${match[2]} ${match[3]}`;
  });
  assertEquals(types.sort(), [
    "pinhole_build_info gauge",
    "pinhole_dial_backs_total counter",
    "pinhole_dropped_total counter",
    "pinhole_open_connections gauge",
    "pinhole_rate_limited_total counter",
    "pinhole_received_bytes_total counter",
    "pinhole_refused_connections_total counter",
    "pinhole_request_duration_seconds histogram",
    "pinhole_requests_total counter",
    "pinhole_sent_bytes_total counter",
    "pinhole_start_time_seconds gauge",
    "pinhole_uptime_seconds gauge",
  ]);
});

Deno.test("ServerMetrics.text() shows what is running, since when and for how long", async () => {
  const clock = new VirtualClock();
  const metrics = await metricsOf(NOTHING, clock);
  clock.advance(90_500);
  assertEquals(await samples(metrics, /^pinhole_(build|start|uptime)/), {
    'pinhole_build_info{version="1.2.3",io="deno"}': 1,
    "pinhole_start_time_seconds": Date.UTC(2026, 0, 1) / 1000,
    "pinhole_uptime_seconds": 90.5,
  });
});

Deno.test("ServerMetrics.text() counts answers, drops and limits apart", async () => {
  const statistics = new ResponderStatistics();
  statistics.add("udp", 4, "success");
  statistics.add("udp", 4, "success");
  statistics.add("tcp", 6, "error-420");
  statistics.add("tls", 4, "drop-not-stun");
  statistics.add("udp", 6, "drop-rate-limited");
  statistics.add("udp", 6, "drop-challenge-limited");
  const metrics = await metricsOf({ ...NOTHING, outcomes: statistics.counts() });
  assertEquals(await samples(metrics, /^pinhole_(requests|dropped|rate_limited)_/), {
    'pinhole_requests_total{transport="udp",family="ipv4",outcome="success"}': 2,
    'pinhole_requests_total{transport="tcp",family="ipv6",outcome="error-420"}': 1,
    'pinhole_dropped_total{transport="tls",family="ipv4",reason="not-stun"}': 1,
    'pinhole_rate_limited_total{transport="udp",family="ipv6",limit="requests"}': 1,
    'pinhole_rate_limited_total{transport="udp",family="ipv6",limit="challenges"}': 1,
  });
});

Deno.test("ServerMetrics.text() shows 0 for what has not happened on what is served", async () => {
  const transports = [{ transport: "udp", receivedBytes: 0, sentBytes: 0 }] as const;
  const metrics = await metricsOf({ ...NOTHING, transports });
  const found = await samples(metrics, /^pinhole_(requests|dropped|rate_limited)_/);
  assertEquals(Object.keys(found).length, OUTCOMES.length * 2);
  assertEquals(Object.values(found).filter((value) => value !== 0), []);
  for (const family of ["ipv4", "ipv6"]) {
    const labels = `{transport="udp",family="${family}"`;
    assert(`pinhole_requests_total${labels},outcome="success"}` in found);
    assert(`pinhole_dropped_total${labels},reason="own-address"}` in found);
    assert(`pinhole_rate_limited_total${labels},limit="requests"}` in found);
  }
});

Deno.test("ServerMetrics.text() shows bytes of each transport, connections where it has them", async () => {
  const metrics = await metricsOf({
    ...NOTHING,
    transports: [
      { transport: "udp", receivedBytes: 2 ** 40, sentBytes: 7 },
      { transport: "tcp", receivedBytes: 20, sentBytes: 32, openConnections: 3 },
      { transport: "tls", receivedBytes: 0, sentBytes: 0, openConnections: 0 },
    ],
  });
  assertEquals(await samples(metrics, /^pinhole_(received|sent|open)_/), {
    'pinhole_received_bytes_total{transport="udp"}': 2 ** 40,
    'pinhole_received_bytes_total{transport="tcp"}': 20,
    'pinhole_received_bytes_total{transport="tls"}': 0,
    'pinhole_sent_bytes_total{transport="udp"}': 7,
    'pinhole_sent_bytes_total{transport="tcp"}': 32,
    'pinhole_sent_bytes_total{transport="tls"}': 0,
    'pinhole_open_connections{transport="tcp"}': 3,
    'pinhole_open_connections{transport="tls"}': 0,
  });
});

Deno.test("ServerMetrics.text() shows every outcome of dial-backs", async () => {
  const metrics = await metricsOf({ ...NOTHING, dialBacks: { "connected": 4, "timed-out": 1 } });
  assertEquals(await samples(metrics, /^pinhole_dial_backs_/), {
    'pinhole_dial_backs_total{outcome="connected"}': 4,
    'pinhole_dial_backs_total{outcome="refused"}': 0,
    'pinhole_dial_backs_total{outcome="timed-out"}': 1,
    'pinhole_dial_backs_total{outcome="unreachable"}': 0,
    'pinhole_dial_backs_total{outcome="not-permitted"}': 0,
    'pinhole_dial_backs_total{outcome="unsupported"}': 0,
  });
});

Deno.test("ServerMetrics.text() takes a new snapshot for each scrape and adds nothing up", async () => {
  const taken: number[] = [];
  const metrics = await openServerMetrics({
    version: "1.2.3",
    io: "deno",
    snapshot: () => {
      taken.push(taken.length + 1);
      return {
        outcomes: [{ transport: "udp", family: 4, outcome: "success", count: taken.length * 10 }],
        transports: [{
          transport: "tcp",
          receivedBytes: taken.length,
          sentBytes: 0,
          openConnections: 2 - taken.length,
        }],
        dialBacks: { refused: taken.length },
        refusedConnections: taken.length,
      };
    },
  });
  assertEquals(taken, []);
  const pattern = /udp.*success|received|open|refused/;
  const expected = (scrape: number) => ({
    'pinhole_requests_total{transport="udp",family="ipv4",outcome="success"}': scrape * 10,
    'pinhole_received_bytes_total{transport="tcp"}': scrape,
    'pinhole_open_connections{transport="tcp"}': 2 - scrape,
    'pinhole_dial_backs_total{outcome="refused"}': scrape,
    "pinhole_refused_connections_total": scrape,
  });
  assertEquals(await samples(metrics, pattern), expected(1));
  assertEquals(await samples(metrics, pattern), expected(2));
  await Promise.all([metrics.text(), metrics.text()]);
  assertEquals(await samples(metrics, pattern), expected(5));
});

Deno.test("ServerMetrics.observe() adds to the histogram of latencies", async () => {
  const metrics = await metricsOf(NOTHING);
  for (const seconds of [0, 0.00002, 0.0003, 2]) metrics.observe(seconds);
  const found = await samples(metrics, /^pinhole_request_duration/);
  const bucket = (le: string) => found[`pinhole_request_duration_seconds_bucket{le="${le}"}`];
  const limits = ["0.00001", "0.000025", "0.00025", "0.0005", "0.5", "+Inf"];
  assertEquals(limits.map(bucket), [1, 2, 2, 3, 3, 4]);
  assertEquals(found["pinhole_request_duration_seconds_count"], 4);
  assertEquals(found["pinhole_request_duration_seconds_sum"], 2.00032);
});

Deno.test("ServerMetrics.observe() refuses what is no finite number", async () => {
  const metrics = await metricsOf(NOTHING);
  for (const seconds of [NaN, Infinity, -Infinity]) {
    assertThrows(() => metrics.observe(seconds), TypeError);
  }
});

Deno.test("openServerMetrics() keeps the metrics of two servers apart", async () => {
  const [first, second] = [await metricsOf(NOTHING), await metricsOf(NOTHING)];
  first.observe(1);
  const count = "pinhole_request_duration_seconds_count";
  assertEquals((await samples(first, /_count/))[count], 1);
  assertEquals((await samples(second, /_count/))[count], 0);
});

Deno.test("openServerMetrics() uses no permission and prints nothing", async () => {
  const audit = await Deno.makeTempFile();
  try {
    const program = `
      import { openServerMetrics } from ${JSON.stringify(`file://${ROOT}lib/ops/mod.ts`)};
      const snapshot = () => ({ outcomes: [], transports: [], dialBacks: {} });
      const metrics = await openServerMetrics({ version: "1.2.3", io: "deno", snapshot });
      metrics.observe(1);
      if (!(await metrics.text()).includes("pinhole_build_info")) throw new Error("no metrics");`;
    await using child = deno([
      ...["run", "--no-prompt", "--no-lock", `--config=${ROOT}deno.json`],
      `data:application/javascript,${encodeURIComponent(program)}`,
    ], { env: { DENO_AUDIT_PERMISSIONS: audit } });
    const { code, stdout, stderr } = await child.result(20_000);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
    // Deno writes down every permission that was asked for, granted or not
    assertEquals(await Deno.readTextFile(audit), "");
  } finally {
    await Deno.remove(audit);
  }
});

function metricsOf(snapshot: ServerSnapshot, clock?: VirtualClock): Promise<ServerMetrics> {
  return openServerMetrics({
    version: "1.2.3",
    io: "deno",
    snapshot: () => snapshot,
    ...clock === undefined ? {} : { clock },
  });
}

/** The samples whose line matches, by name and labels. */
async function samples(metrics: ServerMetrics, pattern: RegExp): Promise<Record<string, number>> {
  const lines = (await metrics.text()).split("\n");
  return Object.fromEntries(
    lines.filter((line) => line !== "" && !line.startsWith("#") && pattern.test(line)).map(
      (line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      },
    ),
  );
}
