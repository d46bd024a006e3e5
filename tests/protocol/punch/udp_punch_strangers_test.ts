// Whoever is not the other side gets nothing out of a punch, and changes nothing in it.

import { assert, assertEquals } from "@std/assert";
import { PunchCredentials } from "../../../lib/protocol/punch/mod.ts";
import {
  attribute,
  BINDING,
  encodeMessage,
  equalSocketAddresses,
  formatSocketAddress,
  ICE_CONTROLLED,
  PRIORITY,
  shortTermKey,
  type SocketAddress,
  USERNAME,
  XOR_MAPPED_ADDRESS,
} from "../../../lib/wire/mod.ts";
import { NAT_PRESETS, type SimUdpSocket } from "../../sim/mod.ts";
import { UdpPunchTrial } from "./udp_punch_trial.ts";

const OPEN = { boxes: [NAT_PRESETS["full-cone"].boxes, NAT_PRESETS["full-cone"].boxes] } as const;

Deno.test("UdpPunch answers no check with the right names and the wrong password", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 1, skewMs: Infinity });
  const { socket, heard } = stranger(trial);
  trial.pass(100);
  const [local, remote] = trial.descriptions;
  for (let i = 0; i < 100; i++) {
    const forged = encodeMessage({
      class: "request",
      method: BINDING,
      transactionId: trial.network.random.bytes(12),
      attributes: [
        attribute(USERNAME, `${local.usernameFragment}:${remote.usernameFragment}`),
        attribute(PRIORITY, 1),
        attribute(ICE_CONTROLLED, 1n),
      ],
    }, { integrity: shortTermKey("A".repeat(22)), fingerprint: true });
    socket.send(forged, placeOf(trial));
  }
  trial.network.runUntil(() => trial.sides[0].outcome !== undefined, 60_000);
  assertEquals(heard, []);
  const { outcome } = trial.sides[0];
  assertEquals(outcome?.kind === "failed" && outcome.code, "unauthentic");
});

Deno.test("UdpPunch answers no check that somebody else sends again", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 2 });
  const { socket, heard } = stranger(trial);
  trial.run();
  trial.pass(10_000);
  const recorded = trial.sides[1].sent.map(({ bytes }) => bytes);
  assert(recorded.length > 5);
  for (const bytes of recorded) socket.send(bytes, placeOf(trial));
  trial.pass(10_000);
  assertEquals(heard, []);
});

Deno.test("UdpPunch answers no check that somebody else sends again while it goes on", () => {
  // Whatever the second side sends there is copied on the way, and the copy comes a little later
  const trial = new UdpPunchTrial({ ...OPEN, seed: 3 });
  const { socket, heard } = stranger(trial);
  const place = placeOf(trial);
  let copied = 0;
  const copy = () => {
    const { sent } = trial.sides[1];
    for (; copied < sent.length; copied++) {
      const { bytes, to } = sent[copied]!;
      if (!equalSocketAddresses(to, place)) continue;
      trial.network.setTimer(25, () => socket.send(bytes, place));
    }
    trial.network.setTimer(1, copy);
  };
  copy();
  assertEquals(trial.run().map(({ kind }) => kind), ["connected", "connected"]);
  trial.pass(5_000);
  assert(copied > 5);
  assertEquals(heard, []);
});

Deno.test("UdpPunch believes no answer that is not protected by the other side's password", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 4, skewMs: Infinity });
  const [side] = trial.sides;
  const { host } = stranger(trial);
  let answered = 0;
  const answer = () => {
    for (; answered < side.sent.length; answered++) {
      const { bytes, to } = side.sent[answered]!;
      for (const password of [trial.descriptions[0].password, "A".repeat(22)]) {
        const forged = encodeMessage({
          class: "success",
          method: BINDING,
          transactionId: bytes.slice(8, 20),
          attributes: [attribute(XOR_MAPPED_ADDRESS, placeOf(trial))],
        }, { integrity: shortTermKey(password), fingerprint: true });
        // With the source that an answer would have
        host.transmit({ protocol: "udp", source: to, destination: placeOf(trial), bytes: forged });
      }
    }
    trial.network.setTimer(1, answer);
  };
  answer();
  trial.network.runUntil(() => side.outcome !== undefined, 60_000);
  assert(answered > 50);
  assertEquals(side.outcome?.kind === "failed" && side.outcome.code, "unauthentic");
});

Deno.test("UdpPunch goes on as if nothing were there in a flood of 10,000 datagrams", () => {
  const run = (flood: number) => {
    const trial = new UdpPunchTrial({ ...OPEN, seed: 5, skewMs: 2_000 });
    const { socket, heard } = stranger(trial);
    const place = placeOf(trial);
    // Nothing is drawn from the trial's own chance, so that both runs are the same but for the flood
    for (let i = 0; i < flood; i++) {
      trial.network.setTimer(i / 10, () => socket.send(garbage(i), place));
    }
    const outcomes = trial.run();
    const sent = trial.sides.map((side) =>
      side.sent.map(({ at, to }) => `${at} ${formatSocketAddress(to)}`)
    );
    return { outcomes, sent, heard, data: trial.sides.map(({ data }) => data) };
  };
  const flooded = run(10_000);
  assertEquals(flooded.outcomes.map(({ kind }) => kind), ["connected", "connected"]);
  assertEquals(flooded, run(0));
});

Deno.test("UdpPunch hands over what comes over the agreed path, from nobody else", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 6 });
  const { socket } = stranger(trial);
  trial.run();
  socket.send(Uint8Array.of(1), placeOf(trial));
  trial.sides[1].send(new Uint8Array(0));
  trial.sides[1].send(Uint8Array.of(2));
  trial.pass(1_000);
  assertEquals(trial.sides[0].data, [new Uint8Array(0), Uint8Array.of(2)]);
});

Deno.test("UdpPunch hands over STUN messages that are not its own", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 7 });
  trial.run();
  const bytes = encodeMessage({
    class: "request",
    method: BINDING,
    transactionId: trial.network.random.bytes(12),
  });
  trial.sides[1].send(bytes);
  trial.pass(1_000);
  assertEquals(trial.sides[0].data, [bytes]);
});

Deno.test("UdpPunch checks few of the addresses that an authentic side comes from", () => {
  const trial = new UdpPunchTrial({ ...OPEN, seed: 8, skewMs: Infinity });
  const [local, remote] = trial.descriptions;
  const credentials = new PunchCredentials({ local: remote, remote: local });
  const { host } = stranger(trial);
  trial.pass(100);
  let answers = 0;
  for (let i = 0; i < 200; i++) {
    const socket = host.openUdp();
    socket.onReceive = (bytes) => {
      if (credentials.read(bytes)?.kind === "response") answers++;
    };
    const transactionId = trial.network.random.bytes(12);
    socket.send(credentials.check({ transactionId }), placeOf(trial));
  }
  trial.pass(14_000);
  assertEquals(answers, 200);
  const checked = trial.sides[0].sent.filter(({ bytes }) =>
    credentials.read(bytes)?.kind === "request"
  );
  const places = new Set(checked.map(({ to }) => formatSocketAddress(to)));
  assertEquals(places.size, 24);
  // One in 20 ms at most
  assert(checked.length <= 700, `${checked.length}`);
});

const STRANGER = "198.51.100.200";

/** Somebody on the public network, and what comes to him. */
function stranger(trial: UdpPunchTrial): {
  readonly host: ReturnType<UdpPunchTrial["network"]["addHost"]>;
  readonly socket: SimUdpSocket;
  readonly heard: readonly Uint8Array[];
} {
  const host = trial.network.addHost({ ips: [STRANGER] });
  const socket = host.openUdp(6_000);
  const heard: Uint8Array[] = [];
  socket.onReceive = (bytes) => void heard.push(bytes);
  return { host, socket, heard };
}

/** Where the first side can be reached from outside. */
function placeOf(trial: UdpPunchTrial): SocketAddress {
  return trial.descriptions[0].candidates.find(({ kind }) => kind === "reflexive")!.address;
}

/** By turns nothing, noise, a request of no user, and one with a broken end. */
function garbage(i: number): Uint8Array {
  const noise = Uint8Array.from({ length: i % 200 }, (_, at) => (i * 31 + at * 17) & 255);
  if (i % 4 === 0) return new Uint8Array(0);
  if (i % 4 === 1) return noise;
  const transactionId = Uint8Array.from({ length: 12 }, (_, at) => (i >> at) & 255);
  const request = encodeMessage(
    { class: "request", method: BINDING, transactionId },
    { fingerprint: true },
  );
  if (i % 4 === 2) return request;
  return request.with(request.length - 1, i & 255);
}
