import { assertEquals, assertThrows } from "@std/assert";
import {
  doctorChecks,
  doctorExamination,
  type DoctorReport,
  doctorVerdict,
} from "../../../lib/protocol/doctor/mod.ts";
import { decodeMessage } from "../../../lib/wire/mod.ts";
import { DoctorWorld, GROUP } from "./doctor_world.ts";

Deno.test("doctorExamination() has no complaint about our own server, and makes every check", () => {
  const report = new DoctorWorld().examine();
  assertEquals(notPassed(report), []);
  assertEquals(report.checks.map(({ id }) => id), doctorChecks().map(({ id }) => id));
  assertEquals(doctorVerdict(report), "healthy");
  const { server, answered, holdMs, amplification, latency } = report;
  assertEquals([server, answered, holdMs], [GROUP.primary, true, 7000]);
  assertEquals(amplification, { factor: 2.8, requestBytes: 20, answerBytes: 56 });
  assertEquals(latency, { requests: 10, lost: 0, p50Ms: 5, p99Ms: 10 });
});

Deno.test("doctorExamination() skips what a server without RFC 5780 cannot show", () => {
  const report = new DoctorWorld({ discovers: false }).examine();
  const reason = "the server has no RFC 5780";
  assertEquals(notPassed(report), [
    ["other-address", "skip", reason],
    ["response-origin", "skip", reason],
  ]);
  assertEquals(doctorVerdict(report), "healthy");
});

Deno.test("doctorExamination() is polite: some sixty datagrams, and a handful of connections", () => {
  const world = new DoctorWorld({ plan: { servers: UDP_AND_TCP } });
  world.examine();
  assertEquals(world.traffic, { datagrams: 58, connections: 7 });
});

Deno.test("doctorExamination() sends no more than that to a server that is silent", () => {
  const world = new DoctorWorld({
    answers: () => [],
    accept: () => "refused",
    plan: { servers: UDP_AND_TCP },
  });
  const report = world.examine();
  assertEquals(notSkipped(report), [
    ["rfc5389", "fail", "no answer"],
    ["tcp-binding", "fail", "refused"],
  ]);
  assertEquals(world.traffic, { datagrams: 4, connections: 1 });
  const { answered, holdMs, amplification, latency } = report;
  assertEquals([answered, holdMs, amplification, latency], [
    false,
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(doctorVerdict(report), "silent");
});

Deno.test("doctorExamination() looks at no transport that it is not asked for", () => {
  for (const transport of ["udp", "tcp", "tls"] as const) {
    const world = new DoctorWorld({ plan: { servers: { [transport]: GROUP.primary } } });
    const report = world.examine();
    const made = doctorChecks().filter((check) => check.transport === transport);
    assertEquals(notSkipped(report).length, made.length);
    assertEquals([world.traffic.datagrams > 0, world.traffic.connections > 0], [
      transport === "udp",
      transport !== "udp",
    ]);
  }
});

Deno.test("doctorExamination() holds no connection if it is not to", () => {
  const report = new DoctorWorld({ plan: { holdMs: 0 } }).examine();
  assertEquals(notPassed(report), [
    ["tcp-hold", "skip", "not asked for"],
    ["tls-hold", "skip", "not asked for"],
  ]);
  assertEquals(report.holdMs, undefined);
});

Deno.test("doctorExamination() holds a connection for a day with no more than 600 requests", () => {
  let written = 0;
  const report = new DoctorWorld({
    plan: { servers: { tcp: GROUP.primary }, holdMs: 86_400_000 },
    accept: (honest) => ({
      push: (chunk) => {
        if (chunk.length === 20) written++;
        return honest(chunk);
      },
    }),
  }).examine();
  // Two say hello or ask before the FIN
  assertEquals([report.holdMs, written, notPassed(report)[0]?.[1]], [86_400_000, 602, "skip"]);
});

Deno.test("doctorExamination() skips the other family where there is none", () => {
  const report = new DoctorWorld({ plan: { otherFamily: undefined } }).examine();
  const reason = "the server has an address of one family alone";
  assertEquals(notPassed(report), [["other-family", "skip", reason]]);
});

Deno.test("doctorExamination() measures with as many requests as it is told", () => {
  const { latency } = new DoctorWorld({ plan: { requests: 200 } }).examine();
  assertEquals(latency, { requests: 200, lost: 0, p50Ms: 100, p99Ms: 198 });
});

Deno.test("doctorExamination() names no address in a request but those of its own sockets", () => {
  const named: string[] = [];
  new DoctorWorld({
    answers: (honest, { bytes, source }) => {
      const message = decodeMessage(bytes);
      const target = message.ok && message.value.attributes.find(({ type }) => type === 2);
      // 0 zero(8) family(8) port(16) address(32)
      if (target) named.push(target.value.subarray(4).join("."));
      assertEquals(source.ip.length === 16 || source.ip.join(".") === "192.0.2.1", true);
      return honest;
    },
  }).examine();
  assertEquals(named, ["192.0.2.1", "192.0.2.1"]);
});

Deno.test("doctorExamination() throws a RangeError without a server", () => {
  const plan = { servers: {}, holdMs: 0, requests: 1, transactionId: () => new Uint8Array(12) };
  assertThrows(() => doctorExamination(plan).next(), RangeError, "found no server");
});

Deno.test("doctorChecks() have an id each, a source, and a title that fits its line", () => {
  assertEquals(new Set(doctorChecks().map(({ id }) => id)).size, doctorChecks().length);
  for (const { id, title, rfc } of doctorChecks()) {
    assertEquals(/^[a-z0-9-]+$/.test(id), true, id);
    assertEquals(/^(\d{4}( \d+(\.\d+)*)?|Pinhole)$/.test(rfc), true, id);
    // 6 columns for the result, and "RFC " and a space before the source
    assertEquals(6 + title.length + 5 + rfc.length <= 80, true, id);
  }
});

const UDP_AND_TCP = { udp: GROUP.primary, tcp: GROUP.primary };

type Row = readonly [id: string, result: string, detail: string];

function notPassed({ checks }: DoctorReport): readonly Row[] {
  return checks.filter(({ result }) => result !== "pass").map(rowOf);
}

function notSkipped({ checks }: DoctorReport): readonly Row[] {
  return checks.filter(({ result }) => result !== "skip").map(rowOf);
}

function rowOf({ id, result, detail }: DoctorReport["checks"][number]): Row {
  return [id, result, detail];
}
