// docs/deploy/kubernetes/: the manifests against Kubernetes' own types, and against one another.

import { assertEquals, assertMatch } from "@std/assert";
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2";
import type { Deployment } from "kubernetes-types/apps/v1";
import type { Service } from "kubernetes-types/core/v1";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1";
import denoJson from "../../deno.json" with { type: "json" };
import { deno } from "../support/process.ts";
import { assertServes, DEPLOY, readYaml } from "./_deployment.ts";

type Manifest = Deployment | Service | HorizontalPodAutoscaler | PodDisruptionBudget;

const MANIFESTS = [...Deno.readDirSync(`${DEPLOY}kubernetes`)].map(({ name }) => name).sort()
  .flatMap((name) => readYaml<Manifest>(`kubernetes/${name}`));

Deno.test("the manifests are of the kinds that they should be, and of Kubernetes' types", async () => {
  const kinds = MANIFESTS.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  assertEquals(kinds, [
    "apps/v1 Deployment",
    "autoscaling/v2 HorizontalPodAutoscaler",
    "policy/v1 PodDisruptionBudget",
    "v1 Service",
    "v1 Service",
  ]);
  assertEquals(await typeFaults(MANIFESTS.map(typed)), []);
});

Deno.test("typeFaults() finds what Kubernetes would not take", async () => {
  const specs = [
    { ports: [{ port: 3478 }] },
    { ports: [{ port: "3478" }] },
    { portz: [] },
    { ports: [{ protocol: "UDP" }] },
  ];
  const faults = await typeFaults(
    specs.map((spec) => ({ type: "Service", from: "core/v1", value: { kind: "Service", spec } })),
  );
  assertEquals(faults.length, 3, faults.join("\n"));
  assertMatch(faults[0]!, /'string' is not assignable to type 'number'/);
  assertMatch(faults[1]!, /portz"?' does not exist in type 'ServiceSpec'/);
  assertMatch(faults[2]!, /'port' is missing in type .* required in type 'ServicePort'/);
});

Deno.test("the Deployment's command line is valid, with a secret that is long enough", async () => {
  const [container] = podSpec().containers;
  const args = container!.args!.map((arg) => arg.replace("$(NONCE_SECRET)", "0".repeat(64)));
  assertEquals(args.filter((arg) => arg.includes("$(")), []);
  assertEquals(container!.env!.map(({ name }) => name), ["NONCE_SECRET"]);
  await assertServes(args);
  const http = args.find((arg) => arg.startsWith("--http-port="))!.split("=")[1];
  const ports = container!.ports!.map(({ name, containerPort }) => [name, containerPort]);
  assertEquals(ports, [["stun-udp", 3478], ["stun-tcp", 3478], ["http", Number(http)]]);
});

Deno.test("whatever names the Deployment, its pods or their ports names what there is", () => {
  const deployment = only<Deployment>("Deployment");
  const { selector, template } = deployment.spec!;
  const labels = template!.metadata!.labels!;
  const ports = podSpec().containers[0]!.ports!;
  assertEquals(selector.matchLabels, labels);

  const services = MANIFESTS.filter(({ kind }) => kind === "Service") as Service[];
  const served = services.map(({ spec }) => {
    assertEquals([spec!.selector, spec!.externalTrafficPolicy], [labels, "Local"]);
    return spec!.ports!.map(({ targetPort, protocol }) => {
      assertEquals(ports.find(({ name }) => name === targetPort)!.protocol, protocol);
      return protocol;
    });
  });
  assertEquals(served.flat().sort(), ["TCP", "UDP"]);

  const { spec: scaling } = only<HorizontalPodAutoscaler>("HorizontalPodAutoscaler");
  assertEquals(scaling!.scaleTargetRef, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    name: deployment.metadata!.name!,
  });
  // One that says how many there are would undo what the other did
  assertEquals(deployment.spec!.replicas, undefined);
  const requested = Object.keys(podSpec().containers[0]!.resources!.requests!);
  const metrics = scaling!.metrics!.map(({ resource }) => resource!.name);
  assertEquals(metrics.filter((name) => !requested.includes(name)), []);

  assertEquals(only<PodDisruptionBudget>("PodDisruptionBudget").spec!.selector, {
    matchLabels: labels,
  });
});

Deno.test("the pod runs without privileges, and its probes ask what the server serves", () => {
  const { securityContext, containers: [container] } = podSpec();
  assertEquals(securityContext!.runAsNonRoot, true);
  assertEquals(container!.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  const { startupProbe, readinessProbe, livenessProbe } = container!;
  assertEquals(
    [startupProbe, readinessProbe, livenessProbe].map((probe) => probe!.httpGet),
    ["/readyz", "/readyz", "/healthz"].map((path) => ({ path, port: "http" })),
  );
});

function typed(value: Manifest) {
  const { apiVersion, kind } = value;
  return { type: kind!, from: apiVersion === "v1" ? "core/v1" : apiVersion!, value };
}

function only<T extends Manifest>(kind: string): T {
  const found = MANIFESTS.filter((manifest) => manifest.kind === kind);
  assertEquals(found.length, 1);
  return found[0] as T;
}

function podSpec() {
  return only<Deployment>("Deployment").spec!.template!.spec!;
}

/** A value, and the type that it must have. */
interface TypedValue {
  /** The name of the type. */
  readonly type: string;
  /** The API group that has it. */
  readonly from: string;
  /** Anything that JSON can hold. */
  readonly value: unknown;
}

/**
 * What the TypeScript compiler finds wrong with values, in its words: a wrong type, a missing field
 * or one that there is not. Empty if nothing is.
 */
async function typeFaults(values: readonly TypedValue[]): Promise<string[]> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = values.map(({ type, from, value }, index) =>
      `import type { ${type} as Type${index} } from "${TYPES}${from}";\n` +
      `export const value${index}: Type${index} = ${JSON.stringify(value)};\n`
    );
    await Deno.writeTextFile(file, lines.join(""));
    await using child = deno(["check", "--no-lock", "--no-config", file]);
    const { code, stderr } = await child.result(60_000);
    const faults = [...stderr.matchAll(/^TS\d+ \[ERROR\]: (.*)$/gm)].map(([, fault]) => fault!);
    assertEquals(code === 0, faults.length === 0, stderr);
    return faults;
  } finally {
    await Deno.remove(file);
  }
}

const TYPES = denoJson.imports["kubernetes-types/"];
