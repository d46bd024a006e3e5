import { assertEquals } from "@std/assert";
import type { ExposeEvent } from "../../lib/cli/expose_event.ts";
import { ExposeReport } from "../../lib/cli/expose_report.ts";
import { address } from "../protocol/binding_cases.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { dialBackConnected, dialBackTimedOut } from "./fake_public_listener.ts";

const PUBLIC = address("203.0.113.11:40000");
const LOCAL = address("[fd00::2]:40000");
const FROM = address("198.51.100.7:1234");
const CLOSED = { event: "closed", id: 3, from: FROM, receivedBytes: 1, sentBytes: 2 } as const;

/** An event, as people read it (undefined: not at all), and as programs do. */
const CASES: readonly (readonly [ExposeEvent, string | undefined, Record<string, unknown>])[] = [
  [
    {
      ...{ event: "listening", transport: "tcp", service: "localhost:80", local: LOCAL },
      ...{ nat: true, sharing: "turns" },
    },
    "forwarding TCP from [fd00::2]:40000 to localhost:80",
    {
      ...{ transport: "tcp", service: "localhost:80", local: "[fd00::2]:40000" },
      ...{ nat: true, sharing: "turns" },
    },
  ],
  [
    { event: "listening", transport: "udp", service: "localhost:53", local: LOCAL, nat: false },
    "forwarding UDP from [fd00::2]:40000 to localhost:53, with no NAT on the way",
    { transport: "udp", service: "localhost:53", local: "[fd00::2]:40000", nat: false },
  ],
  [
    { event: "refresh", public: PUBLIC, previous: undefined, local: LOCAL },
    "public address 203.0.113.11:40000",
    { public: "203.0.113.11:40000", previous: null, local: "[fd00::2]:40000" },
  ],
  [
    { event: "refresh", public: PUBLIC, previous: FROM, local: LOCAL },
    "public address 203.0.113.11:40000 (was 198.51.100.7:1234)",
    { public: "203.0.113.11:40000", previous: "198.51.100.7:1234", local: "[fd00::2]:40000" },
  ],
  [
    {
      ...{ event: "verified", public: PUBLIC, reachable: true, reason: "somebody came in" },
      dialBack: [dialBackConnected(true)],
    },
    "verified: somebody came in",
    {
      ...{ public: "203.0.113.11:40000", reachable: true, reason: "somebody came in" },
      dialBack: [{
        ...{ from: "198.51.100.1:50001", outcome: "connected", elapsedMs: 12 },
        ...{ server: "203.0.113.1:3478", changeAddress: true },
      }],
    },
  ],
  [
    {
      ...{ event: "unverified", public: PUBLIC, reachable: false, reason: "nobody came" },
      dialBack: [dialBackTimedOut(false)],
    },
    "NOT reachable: nobody came",
    {
      ...{ public: "203.0.113.11:40000", reachable: false, reason: "nobody came" },
      dialBack: [{
        ...{ from: null, outcome: "timed-out", elapsedMs: 5000 },
        ...{ server: "203.0.113.1:3478", changeAddress: false },
      }],
    },
  ],
  [
    { event: "unverified", public: PUBLIC, reachable: null, reason: "unknown", dialBack: [] },
    "whether strangers can connect cannot be told: unknown",
    { public: "203.0.113.11:40000", reachable: null, reason: "unknown", dialBack: [] },
  ],
  [
    { event: "lost", reason: "no server answers" },
    "lost: no server answers",
    { reason: "no server answers" },
  ],
  [
    server({ state: "connected" }),
    "203.0.113.1:3478 connected",
    { ...serverKeys(), state: "connected" },
  ],
  [
    server({ state: "closed", afterMs: 3000, reason: "the peer ended it", redialMs: 500 }),
    "203.0.113.1:3478 closed after 3.0 s: the peer ended it; dialled again in 0.5 s",
    {
      ...serverKeys(),
      ...{ state: "closed", afterMs: 3000, reason: "the peer ended it", redialMs: 500 },
    },
  ],
  [
    server({ state: "not-holding", afterMs: 60_000 }),
    "203.0.113.1:3478 does not keep connections open: closed after 60.0 s",
    { ...serverKeys(), state: "not-holding", afterMs: 60_000 },
  ],
  [
    { event: "gap", ms: 1.23456 },
    "not reachable for 1 ms, while a server was dialled again",
    { ms: 1.235 },
  ],
  [
    { event: "connection", id: 3, from: FROM, open: 1 },
    undefined,
    { id: 3, from: "198.51.100.7:1234", open: 1 },
  ],
  [
    { ...CLOSED, outcome: "finished", elapsedMs: 1.23456, open: 0 },
    undefined,
    {
      ...{ id: 3, from: "198.51.100.7:1234", receivedBytes: 1, sentBytes: 2 },
      ...{ outcome: "finished", elapsedMs: 1.235, open: 0 },
    },
  ],
  [
    { ...CLOSED, outcome: "no-service", reason: "it is down", elapsedMs: 1, open: 0 },
    "turned away 198.51.100.7:1234: it is down",
    {
      ...{ id: 3, from: "198.51.100.7:1234", receivedBytes: 1, sentBytes: 2 },
      ...{ outcome: "no-service", reason: "it is down", elapsedMs: 1, open: 0 },
    },
  ],
  [
    { event: "denied", from: FROM, reason: "not-allowed", count: 1 },
    "turned away 198.51.100.7:1234: not allowed",
    { from: "198.51.100.7:1234", reason: "not-allowed", count: 1 },
  ],
  [
    { event: "denied", from: FROM, reason: "too-many", count: 8 },
    "turned away 198.51.100.7:1234 and 7 more: there are too many",
    { from: "198.51.100.7:1234", reason: "too-many", count: 8 },
  ],
  [{ event: "hook", ok: true, detail: "exit code 0" }, undefined, {
    ok: true,
    detail: "exit code 0",
  }],
  [
    { event: "hook", ok: false, detail: "exit code 1" },
    "the command of --on-change failed: exit code 1",
    { ok: false, detail: "exit code 1" },
  ],
  [
    { event: "webhook", ok: false, detail: "status 500" },
    "the webhook failed: status 500",
    { ok: false, detail: "status 500" },
  ],
  [
    { event: "failed", code: "no-server", reason: "no server answers" },
    "failed: no server answers",
    { code: "no-server", reason: "no server answers" },
  ],
  [{ event: "stopped", reason: "SIGINT" }, "stopped: SIGINT", { reason: "SIGINT" }],
];

for (const [event, text, json] of CASES) {
  const name = text ?? `nothing of ${JSON.stringify(json)}`;
  Deno.test(`ExposeReport tells ${event.event} to people and programs: ${name}`, () => {
    const time = "2026-01-01T00:00:01.500Z";
    assertEquals(
      report({ json: false }, event),
      text === undefined ? [] : ["clear", `${time} ${text}`],
    );
    assertEquals(
      report({ json: true }, event).map((line) => JSON.parse(line)),
      [{ event: event.event, time, ...json }],
    );
  });
}

Deno.test("ExposeReport shows people how things stand in one line that changes", () => {
  const visitor = { event: "connection", from: FROM } as const;
  const traffic = { event: "traffic", open: 1 } as const;
  assertEquals(
    report(
      { json: false },
      { ...visitor, id: 1, open: 1 },
      { ...traffic, receivedBytes: 0, sentBytes: 999 },
      { ...visitor, id: 2, open: 2 },
      { ...traffic, receivedBytes: 1_500, sentBytes: 20_400_000 },
      { ...traffic, receivedBytes: 3_000_000_000, sentBytes: 5e15 },
    ),
    [
      "show 1 open, 1 so far, 0 B in, 999 B out",
      "show 1 open, 2 so far, 1.5 KB in, 20 MB out",
      "show 1 open, 2 so far, 3.0 GB in, 5000 TB out",
    ],
  );
});

/** What is written, and done to the line of progress. */
function report({ json }: { readonly json: boolean }, ...events: readonly ExposeEvent[]): string[] {
  const lines: string[] = [];
  const clock = new VirtualClock();
  clock.advance(1500);
  const report = new ExposeReport({
    json,
    write: (line) => void lines.push(line),
    progress: {
      show: (text) => void lines.push(`show ${text}`),
      clear: () => void lines.push("clear"),
    },
    clock,
  });
  for (const event of events) report.tell(event);
  return lines;
}

function server(
  news: Partial<ExposeEvent & { readonly event: "server" }> & {
    readonly state: (ExposeEvent & { readonly event: "server" })["state"];
  },
): ExposeEvent {
  const unknown = { afterMs: undefined, reason: undefined, redialMs: undefined };
  return { event: "server", holder: "203.0.113.1:3478", ...unknown, ...news };
}

function serverKeys(): Record<string, unknown> {
  return { holder: "203.0.113.1:3478", state: "", afterMs: null, reason: null, redialMs: null };
}
