// docs/deploy/prometheus/ and docs/deploy/grafana/ against the metrics that /metrics has.

import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { openServerMetrics } from "../../lib/ops/mod.ts";
import { run } from "../support/process.ts";
import { testWithTool } from "../support/tool.ts";
import { DEPLOY, read } from "./_deployment.ts";

interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: unknown }[];
  };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

const PROMTOOL = { command: "promtool", package: "prometheus" };
const DASHBOARD = JSON.parse(read("grafana/pinhole.json")) as Dashboard;

Deno.test("strangeMetrics() finds metrics and labels that /metrics does not have", async () => {
  const known = await metricLabels();
  assertEquals(
    strangeMetrics(
      'rate(pinhole_requests_total{job="a", outcome!="success", colour=~"b"}[1m]) / pinhole_hope',
      known,
    ),
    ["pinhole_requests_total{colour}", "pinhole_hope"],
  );
});

Deno.test("every alert is about metrics that there are", async () => {
  const known = await metricLabels();
  const rules = (parse(read("prometheus/alerts.yaml")) as Alerts).groups.flatMap(({ rules }) =>
    rules
  );
  assert(rules.length > 0);
  assertEquals(rules.flatMap(({ expr }) => strangeMetrics(expr, known)), []);
});

Deno.test("the dashboard shows metrics that there are, and every one of them", async () => {
  const known = await metricLabels();
  const queries = expressions();
  assertEquals(queries.flatMap((query) => strangeMetrics(query, known)), []);
  const shown = queries.join("\n");
  assertEquals([...known.keys()].filter((name) => !new RegExp(`\\b${name}\\b`).test(shown)), []);
});

Deno.test("the dashboard's panels have a place and a number of their own, and the chosen source", () => {
  const { panels, templating } = DASHBOARD;
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  assertEquals(new Set(panels.map(({ title }) => title)).size, panels.length);
  assertEquals(templating.list.map(({ name }) => name), ["datasource", "instance"]);
  const taken = new Set<string>();
  for (const { datasource, gridPos: { x, y, w, h } } of panels) {
    assertEquals(datasource.uid, "${datasource}");
    // Grafana's grid has 24 columns
    assert(x >= 0 && x + w <= 24);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        assertEquals(taken.has(`${column},${row}`), false, "two panels overlap");
        taken.add(`${column},${row}`);
      }
    }
  }
});

testWithTool({
  name:
    "promtool takes the scrape configuration and the alerts, and each alert fires when it should",
  tools: [PROMTOOL],
  fn: async () => {
    for (
      const args of [
        ["check", "config", "prometheus.yaml"],
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
      ]
    ) {
      const { code, stdout, stderr } = await run("promtool", args, {
        cwd: `${DEPLOY}prometheus`,
      });
      assertEquals(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    }
  },
});

testWithTool({
  name: "promtool can read every query of the dashboard",
  tools: [PROMTOOL],
  fn: async () => {
    assertEquals(await readsQueries(expressions()), 0);
    assertEquals(await readsQueries(["sum(rate(x[5m])"]), 1);
  },
});

/** The dashboard's queries, with Grafana's variables as Grafana would fill them in. */
function expressions(): string[] {
  const { panels, annotations } = DASHBOARD;
  const all = [...panels.flatMap(({ targets }) => targets), ...annotations.list];
  return all.map(({ expr }) =>
    expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*")
  );
}

/** The exit code of promtool about rules that record these queries. */
async function readsQueries(queries: readonly string[]): Promise<number> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }));
    // JSON is YAML
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    return (await run("promtool", ["check", "rules", file])).code;
  } finally {
    await Deno.remove(file);
  }
}

/** The labels of each metric that `/metrics` shows; a histogram is there as Prometheus stores it. */
async function metricLabels(): Promise<Map<string, ReadonlySet<string>>> {
  const metrics = await openServerMetrics({
    version: "1.0.0",
    io: "deno",
    snapshot: () => ({
      outcomes: [],
      transports: [{ transport: "tcp", receivedBytes: 0, sentBytes: 0, openConnections: 0 }],
      dialBacks: {},
    }),
  });
  const samples = (await metrics.text()).matchAll(/^(\w+)(?:\{([^}]*)\})? /gm);
  const labels = new Map<string, ReadonlySet<string>>();
  for (const [, name, pairs = ""] of samples) {
    labels.set(name!, new Set([...pairs.matchAll(/(\w+)="/g)].map(([, label]) => label!)));
  }
  return labels;
}

/** What a query asks for that `/metrics` does not have: metrics, and labels of metrics. */
function strangeMetrics(
  query: string,
  known: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  return [...query.matchAll(/\b(pinhole_\w+)(?:\{([^}]*)\})?/g)].flatMap(([, name, pairs = ""]) => {
    const labels = known.get(name!);
    if (labels === undefined) return [name!];
    return [...pairs.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!)
      // These are Prometheus' own
      .filter((label) => !labels.has(label) && !["job", "instance"].includes(label))
      .map((label) => `${name}{${label}}`);
  });
}
