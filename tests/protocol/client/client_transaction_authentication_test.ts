import { assertEquals } from "@std/assert";
import {
  ClientTransaction,
  type ClientTransactionOptions,
} from "../../../lib/protocol/client/mod.ts";
import {
  attribute,
  decodeMessage,
  encodeMessage,
  SOFTWARE,
  valueOf,
} from "../../../lib/wire/mod.ts";
import { address, ID, request } from "../binding_cases.ts";

const SERVER = address("198.51.100.1:3478");
const FORGED = success("forged");
const GENUINE = success("genuine");

Deno.test("ClientTransaction goes on over UDP when an answer is not accepted", () => {
  const transaction = start({ reliable: false, maxRequests: 2 });
  assertEquals(transaction.receive(FORGED, SERVER, 1), false);
  assertEquals([transaction.outcome, transaction.nextWake()], [undefined, 500]);
  assertEquals(transaction.wake(500), request());
  assertEquals(transaction.receive(FORGED, SERVER, 501), false);
  assertEquals(transaction.receive(GENUINE, SERVER, 510), true);
  assertEquals(transaction.outcome, {
    kind: "answered",
    response: decode(GENUINE),
    source: SERVER,
    rttMs: 10,
    attempts: 2,
  });
});

Deno.test("ClientTransaction ends unverified over UDP when its time is up and no answer was accepted", () => {
  const transaction = start({ reliable: false, maxRequests: 1, lastWaitFactor: 2 });
  transaction.receive(FORGED, SERVER, 1);
  transaction.receive(FORGED, address("198.51.100.1:1"), 2);
  transaction.wake(999);
  assertEquals(transaction.outcome, undefined);
  transaction.wake(1000);
  assertEquals(transaction.outcome, {
    kind: "unverified",
    response: decode(FORGED),
    attempts: 1,
  });
  assertEquals(transaction.nextWake(), undefined);
});

Deno.test("ClientTransaction ends unverified at once over TCP when an answer is not accepted", () => {
  const transaction = start({ reliable: true });
  assertEquals(transaction.receive(FORGED, SERVER, 1), true);
  assertEquals(transaction.outcome, {
    kind: "unverified",
    response: decode(FORGED),
    attempts: 1,
  });
  assertEquals(transaction.receive(GENUINE, SERVER, 2), false);
});

Deno.test("ClientTransaction asks only about answers to its own request", () => {
  const asked: (string | undefined)[] = [];
  const transaction = start({
    reliable: false,
    accepts: (response) => {
      asked.push(valueOf(response, SOFTWARE));
      return false;
    },
  });
  transaction.receive(FORGED, address("198.51.100.2:3478"), 1);
  transaction.receive(success("stray", new Uint8Array(12)), SERVER, 2);
  transaction.receive(request(), SERVER, 3);
  transaction.receive(FORGED, SERVER, 4);
  assertEquals(asked, ["forged"]);
});

/** A transaction that has sent its request at 0 ms and accepts what calls itself genuine. */
function start(options: Partial<ClientTransactionOptions>): ClientTransaction {
  const transaction = new ClientTransaction({
    request: request(),
    server: SERVER,
    reliable: false,
    accepts: (response) => valueOf(response, SOFTWARE) === "genuine",
    ...options,
  });
  transaction.wake(0);
  return transaction;
}

function success(software: string, transactionId = ID): Uint8Array {
  const attributes = [attribute(SOFTWARE, software)];
  return encodeMessage({ class: "success", method: 1, transactionId, attributes });
}

function decode(bytes: Uint8Array) {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new TypeError(message.reason);
  return message.value;
}
