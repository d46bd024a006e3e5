import { assertEquals } from "@std/assert";
import { type PunchEvent, punchEventJson, punchEventText } from "../../lib/cli/punch_event.ts";
import { simAddress } from "../sim/mod.ts";

const TIME = { time: "2026-01-01T00:00:00.000Z" };

for (
  const [event, json, text] of [
    [
      { event: "code", code: "pin1AAAA" },
      { event: "code", ...TIME, code: "pin1AAAA" },
      "Give the other side this code:\n\npin1AAAA\n\nPaste the other side's code:",
    ],
    [
      { event: "unreadable", reason: "Cannot read the code: it was cut off" },
      { event: "unreadable", ...TIME, reason: "Cannot read the code: it was cut off" },
      "Cannot read the code: it was cut off\nPaste the other side's code:",
    ],
    [
      {
        event: "punching",
        candidates: [
          { kind: "host", address: simAddress("10.0.0.1:5000") },
          { kind: "reflexive", address: simAddress("[2001:db8::1]:5001") },
        ],
      },
      {
        event: "punching",
        ...TIME,
        candidates: [
          { kind: "host", address: "10.0.0.1:5000" },
          { kind: "reflexive", address: "[2001:db8::1]:5001" },
        ],
      },
      "punching to 10.0.0.1:5000, [2001:db8::1]:5001",
    ],
    [
      { event: "room", room: "r", peer: "p", servers: ["stun:a", "stun:b"] },
      { event: "room", ...TIME, room: "r", peer: "p", servers: ["stun:a", "stun:b"] },
      "in room r, asking stun:a, stun:b",
    ],
    [
      { event: "waiting", unfit: 0 },
      { event: "waiting", ...TIME, unfit: 0 },
      "waiting for the other side",
    ],
    [
      { event: "waiting", unfit: 2 },
      { event: "waiting", ...TIME, unfit: 2 },
      "waiting for the other side; 2 there cannot be met over this transport and family",
    ],
    [
      { event: "peer", peer: "p" },
      { event: "peer", ...TIME, peer: "p" },
      "the other side is there: p",
    ],
    [
      { event: "disconnected", retryInMs: 1234 },
      { event: "disconnected", ...TIME, retryInMs: 1234 },
      "the board is lost, connecting again in 1.2 s",
    ],
    [
      {
        event: "missed",
        transport: "tcp",
        code: "unheard",
        reason: "Cannot punch over TCP: nothing was heard",
      },
      {
        event: "missed",
        ...TIME,
        transport: "tcp",
        code: "unheard",
        reason: "Cannot punch over TCP: nothing was heard",
      },
      "Cannot punch over TCP: nothing was heard",
    ],
    [
      {
        event: "punching",
        transport: "tcp",
        prediction: "yes",
        candidates: [{ kind: "host", address: simAddress("10.0.0.1:5000") }],
      },
      {
        event: "punching",
        ...TIME,
        transport: "tcp",
        prediction: "yes",
        candidates: [{ kind: "host", address: "10.0.0.1:5000" }],
      },
      "punching over TCP to 10.0.0.1:5000",
    ],
    [
      { event: "punching", candidates: [] },
      { event: "punching", ...TIME, candidates: [] },
      "punching to wherever the other side comes from",
    ],
    [
      {
        event: "connected",
        transport: "udp",
        local: simAddress("10.0.0.1:5000"),
        remote: simAddress("203.0.113.1:6000"),
        elapsedMs: 1234.56789,
        rttMs: 56.7,
      },
      {
        event: "connected",
        ...TIME,
        transport: "udp",
        local: "10.0.0.1:5000",
        remote: "203.0.113.1:6000",
        elapsedMs: 1234.568,
        rttMs: 56.7,
      },
      "connected over UDP: 10.0.0.1:5000 to 203.0.113.1:6000 after 1.2 s, round trip 57 ms",
    ],
    [
      {
        event: "connected",
        transport: "tcp",
        local: simAddress("10.0.0.1:5000"),
        remote: simAddress("203.0.113.1:6000"),
        elapsedMs: 300,
      },
      {
        event: "connected",
        ...TIME,
        transport: "tcp",
        local: "10.0.0.1:5000",
        remote: "203.0.113.1:6000",
        elapsedMs: 300,
      },
      "connected over TCP: 10.0.0.1:5000 to 203.0.113.1:6000 after 0.3 s",
    ],
    [
      { event: "forwarding", what: "127.0.0.1:2222 to the other side" },
      { event: "forwarding", ...TIME, what: "127.0.0.1:2222 to the other side" },
      "forwarding 127.0.0.1:2222 to the other side",
    ],
    [
      { event: "closed", outcome: "broken", reason: "the path does not work any more" },
      { event: "closed", ...TIME, outcome: "broken", reason: "the path does not work any more" },
      "broken: the path does not work any more",
    ],
    [
      { event: "failed", code: "unheard", reason: "Cannot punch over UDP: nothing was heard" },
      {
        event: "failed",
        ...TIME,
        code: "unheard",
        reason: "Cannot punch over UDP: nothing was heard",
      },
      "error: Cannot punch over UDP: nothing was heard",
    ],
  ] as const satisfies readonly (readonly [PunchEvent, Record<string, unknown>, string])[]
) {
  Deno.test(`punchEventJson() and punchEventText() tell ${text.split("\n").at(-1)}`, () => {
    assertEquals(punchEventJson(event, Date.UTC(2026, 0, 1)), json);
    assertEquals(punchEventText(event), text);
  });
}
