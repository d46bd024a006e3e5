// What RFC 8489 section 6.2.1 gives on a network that loses much, and what the client gives: virtual
// time, a seed, the client's own driver, and a real responder behind a simulated network.

import { assert, assertEquals } from "@std/assert";
import { TransactionRun } from "../../lib/client/transaction_run.ts";
import {
  ClientTransaction,
  TransactionPair,
  type TransactionPairOptions,
} from "../../lib/protocol/client/mod.ts";
import { BINDING, encodeMessage } from "../../lib/wire/mod.ts";
import { SimNetwork } from "../sim/sim_network.ts";
import { SimStunServer } from "../sim/sim_stun_server.ts";

const QUERIES = 10_000;

Deno.test("TransactionPair gets 99.9 % of its answers when 30 % are lost each way", async () => {
  const { answered, slowestMs } = await ask((options) => new TransactionPair(options), 0.3);
  assert(answered >= 0.999 * QUERIES, `${answered} of ${QUERIES}`);
  assert(slowestMs <= 39_500, `${slowestMs} ms`);
});

Deno.test("ClientTransaction alone does not: it gets 99.1 %, as 0.51^7 has it", async () => {
  const { answered } = await ask(
    ({ requests: [request], ...options }) => new ClientTransaction({ ...options, request }),
    0.3,
  );
  const share = answered / QUERIES;
  assert(Math.abs(share - (1 - 0.51 ** 7)) < 0.003, `${share}`);
  assert(share < 0.999, `${share}`);
});

Deno.test("TransactionPair asks once when nothing is lost", async () => {
  const { answered, requests } = await ask((options) => new TransactionPair(options), 0);
  assertEquals([answered, requests], [QUERIES, QUERIES]);
});

/** Makes so many queries one after the other; how many had an answer, and the longest wait. */
async function ask(
  make: (options: TransactionPairOptions) => ClientTransaction | TransactionPair,
  loss: number,
) {
  const network = new SimNetwork({ seed: 8489, link: { loss, delayMs: 20, jitterMs: 10 } });
  const server = new SimStunServer(network, { ips: ["203.0.113.1"], transports: ["udp"] });
  const host = network.addHost({ ips: ["198.51.100.1"] });
  const clock = {
    now: () => network.now,
    wallTime: () => network.now,
    setTimer: (ms: number, callback: () => void) => network.setTimer(ms, callback),
  };
  let [answered, requests, slowestMs] = [0, 0, 0];
  for (let i = 0; i < QUERIES; i++) {
    const socket = host.openUdp();
    const begun = network.now;
    const transaction = make({
      requests: [encode(network), encode(network)],
      server: server.address,
      reliable: false,
    });
    const run = new TransactionRun({
      transaction,
      clock,
      send: (bytes) => {
        requests++;
        socket.send(bytes, server.address);
      },
      signal: undefined,
    });
    socket.onReceive = (bytes, source) => run.receive(bytes, source);
    network.runUntil(() => transaction.outcome !== undefined, begun + 60_000);
    if ((await run.outcome).kind === "answered") answered++;
    slowestMs = Math.max(slowestMs, network.now - begun);
    socket.close();
  }
  return { answered, requests, slowestMs };
}

function encode(network: SimNetwork): Uint8Array {
  const transactionId = network.random.bytes(12);
  return encodeMessage({ class: "request", method: BINDING, transactionId });
}
