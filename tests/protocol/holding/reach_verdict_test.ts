import { assertEquals } from "@std/assert";
import {
  judgeReach,
  type ReachTrial,
  type ReachVerdict,
} from "../../../lib/protocol/holding/mod.ts";
import { address } from "../binding_cases.ts";

const PORT = { changeAddress: false, from: undefined, fromStranger: false };
const ADDRESS = { changeAddress: true, from: undefined, fromStranger: false };
const FROM_PORT: ReachTrial = {
  ...PORT,
  outcome: "connected",
  from: address("203.0.113.1:40001"),
};
const FROM_ADDRESS: ReachTrial = {
  ...ADDRESS,
  outcome: "connected",
  from: address("198.51.100.1:40002"),
  fromStranger: true,
};
const PROVEN = "a connection came in from 198.51.100.1:40002, never contacted before";
const ACQUAINTED =
  "a connection came in from 203.0.113.1:40001, but the server has no other address to try from";

const CASES: readonly (readonly [string, readonly ReachTrial[], ReachVerdict])[] = [
  ["both came in", [FROM_PORT, FROM_ADDRESS], yes(PROVEN)],
  ["only the one from another address came in", [
    { ...PORT, outcome: "timed-out" },
    FROM_ADDRESS,
  ], yes(PROVEN)],
  ["the server has one address", [FROM_PORT, { ...ADDRESS, outcome: "unsupported" }], {
    reachable: null,
    reason: ACQUAINTED,
  }],
  ["the other address is one that this host is connected to", [
    FROM_PORT,
    { ...FROM_ADDRESS, from: address("203.0.113.1:40003"), fromStranger: false },
  ], { reachable: null, reason: ACQUAINTED }],
  ["the other address was not to be tried", [FROM_PORT], { reachable: null, reason: ACQUAINTED }],
  ["the second one was over the budget", [FROM_PORT, { ...ADDRESS, outcome: "not-permitted" }], {
    reachable: null,
    reason: ACQUAINTED,
  }],
  [
    "the one from another address got lost",
    [FROM_PORT, { ...ADDRESS, outcome: "timed-out" }],
    no(
      "a connection from another address of the server gets no answer, " +
        "while 203.0.113.1:40001 could connect",
    ),
  ],
  ["neither came in", [
    { ...PORT, outcome: "timed-out" },
    { ...ADDRESS, outcome: "timed-out" },
  ], no("a connection from another port of the server gets no answer")],
  [
    "it was refused",
    [{ ...PORT, outcome: "refused" }, { ...ADDRESS, outcome: "unsupported" }],
    no(
      "a connection from another port of the server is refused",
    ),
  ],
  [
    "there is no way",
    [{ ...PORT, outcome: "unreachable" }],
    no(
      "a connection from another port of the server finds no way",
    ),
  ],
  ["somebody else answered", [
    { ...PORT, outcome: "connected" },
    { ...ADDRESS, outcome: "unsupported" },
  ], no("a connection from another port of the server is answered, but not by this host")],
  ["the server is another program", [{ ...PORT, outcome: "unknown" }], {
    reachable: null,
    reason: "the server does not know DIAL-BACK",
  }],
  ["the server is silent", [{ ...PORT, outcome: "unanswered" }], {
    reachable: null,
    reason: "the server did not answer when it was asked to dial back",
  }],
  ["the server has done it too often", [
    { ...PORT, outcome: "not-permitted" },
    { ...ADDRESS, outcome: "not-permitted" },
  ], { reachable: null, reason: "the server dials nobody back just now" }],
  ["the server cannot", [{ ...PORT, outcome: "unsupported" }], {
    reachable: null,
    reason: "the server cannot dial back",
  }],
  ["nothing was tried", [], { reachable: null, reason: "no dial-back was tried" }],
];

for (const [name, trials, verdict] of CASES) {
  Deno.test(`judgeReach() says ${verdict.reachable} when ${name}`, () => {
    assertEquals(judgeReach(trials), verdict);
  });
}

function yes(reason: string): ReachVerdict {
  return { reachable: true, reason };
}

function no(reason: string): ReachVerdict {
  return { reachable: false, reason };
}
