import { assertEquals } from "@std/assert";
import {
  type PunchOffer,
  punchOffersFit,
  type PunchSignal,
  readPunchOffer,
  readPunchSignal,
  writePunchOffer,
  writePunchSignal,
} from "../../../lib/protocol/punch/mod.ts";

const OFFERS: readonly (readonly [PunchOffer, string])[] = [
  [{ transports: ["tcp", "udp"], family: 4 }, '{"punch":{"transports":["tcp","udp"],"family":4}}'],
  [{ transports: ["udp"], family: 6 }, '{"punch":{"transports":["udp"],"family":6}}'],
  [{ transports: ["udp"] }, '{"punch":{"transports":["udp"]}}'],
];

for (const [offer, data] of OFFERS) {
  Deno.test(`readPunchOffer() reads what writePunchOffer() writes: ${data}`, () => {
    assertEquals(writePunchOffer(offer), data);
    assertEquals(readPunchOffer(data), offer);
  });
}

const SIGNALS: readonly (readonly [PunchSignal, string])[] = [
  [{ punch: "invite" }, '{"punch":"invite"}'],
  [{ punch: "accept" }, '{"punch":"accept"}'],
  [{ punch: "busy" }, '{"punch":"busy"}'],
  [{ punch: "withdraw" }, '{"punch":"withdraw"}'],
  [{ punch: "codes", codes: ["pin1A", "pin1B"] }, '{"punch":"codes","codes":["pin1A","pin1B"]}'],
];

for (const [signal, data] of SIGNALS) {
  Deno.test(`readPunchSignal() reads what writePunchSignal() writes: ${data}`, () => {
    assertEquals(writePunchSignal(signal), data);
    assertEquals(readPunchSignal(data), signal);
  });
}

for (
  const data of [
    ...["", "hello", "null", "[]", "{}", '{"punch":null}', '{"punch":{}}'],
    ...['{"punch":{"transports":[]}}', '{"punch":{"transports":["sctp"]}}'],
    ...['{"punch":{"transports":"udp"}}', '{"punch":{"transports":["udp"],"family":5}}'],
    '{"punch":{"transports":["udp","tcp","udp"]}}',
  ]
) {
  Deno.test(`readPunchOffer() finds no offer in ${data}`, () => {
    assertEquals(readPunchOffer(data), undefined);
  });
}

for (
  const data of [
    ...["", "hello", "null", "[]", "{}", '{"punch":"dance"}', '{"punch":"codes"}'],
    ...['{"punch":"codes","codes":[]}', '{"punch":"codes","codes":[1]}'],
    ...['{"punch":"codes","codes":["a","b","c"]}', '{"punch":"codes","codes":"a"}'],
    // What a page says to another one
    '{"type":"offer","sdp":"v=0"}',
  ]
) {
  Deno.test(`readPunchSignal() finds no message in ${data}`, () => {
    assertEquals(readPunchSignal(data), undefined);
  });
}

for (
  const [one, other, fit] of [
    [["udp"], ["udp"], true],
    [["tcp", "udp"], ["udp"], true],
    [["tcp"], ["udp"], false],
    [["udp", 4], ["udp", 4], true],
    [["udp", 4], ["udp", 6], false],
    [["udp", 4], ["udp"], true],
    [["udp"], ["tcp", 6], false],
  ] as const
) {
  Deno.test(`punchOffersFit() is ${fit} for ${one.join(" ")} and ${other.join(" ")}`, () => {
    assertEquals(punchOffersFit(offer(one), offer(other)), fit);
    assertEquals(punchOffersFit(offer(other), offer(one)), fit);
  });
}

function offer(words: readonly ("udp" | "tcp" | 4 | 6)[]): PunchOffer {
  return {
    transports: words.filter((word) => typeof word === "string"),
    family: words.find((word) => typeof word === "number"),
  };
}
