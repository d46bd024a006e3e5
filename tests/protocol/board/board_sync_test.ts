import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type BoardOrder, BoardPeer, type ClientMessage } from "../../../lib/protocol/board/mod.ts";
import { alignedDelay, RoundTrip, syncDelay } from "../../../lib/protocol/board/board_sync.ts";
import { VirtualClock } from "../../support/virtual_clock.ts";

Deno.test("RoundTrip is the shortest of the last eight", () => {
  const roundTrip = new RoundTrip();
  assertEquals([roundTrip.ms, roundTrip.count], [undefined, 0]);
  const estimates = [30, 10, 20, 40, 50, 50, 50, 50, 50, 50].map((ms) => {
    roundTrip.add(ms);
    return roundTrip.ms;
  });
  assertEquals(estimates, [30, 10, 10, 10, 10, 10, 10, 10, 10, 20]);
});

Deno.test("alignedDelay() makes both start at once, and never before now", () => {
  // Asked at 0; B is told at 50 and hears it at 60; A is told at 100 and hears it at 200
  const otherDelayMs = syncDelay(20, 200);
  const facts = { ownRttMs: 200, otherRttMs: 20, otherDelayMs, exchangeMs: 100 };
  assertEquals(60 + otherDelayMs, 200 + alignedDelay(facts));
  assertEquals(alignedDelay({ ...facts, exchangeMs: 10_000 }), 0);
});

Deno.test("two peers of any distance to their servers, and these to each other, start at once", () => {
  const ms = fc.integer({ min: 0, max: 400 });
  fc.assert(fc.property(
    fc.record({ a: ms, b: ms, between: fc.integer({ min: 0, max: 150 }), askAt: ms }),
    ({ a, b, between, askAt }) => {
      const starts = new SyncWorld({ a, b, between }).run(askAt);
      assertEquals(Object.keys(starts).sort(), ["a", "b"]);
      assert(Math.abs(starts["a"]! - starts["b"]!) < 1e-6, JSON.stringify(starts));
    },
  ));
});

/** Two peers at two servers; every way takes a fixed time, the same there and back. */
class SyncWorld {
  readonly #clock = new VirtualClock();
  readonly #delays: { readonly a: number; readonly b: number; readonly between: number };
  readonly #starts: Record<string, number> = {};
  readonly #peers = { a: peer("a"), b: peer("b") };

  constructor(delays: { readonly a: number; readonly b: number; readonly between: number }) {
    this.#delays = delays;
  }

  /** When each of them starts, if the first one asks so many ms after both have connected. */
  run(askAt: number): Record<string, number> {
    for (const name of ["a", "b"] as const) {
      this.#say(name, { type: "join" });
      this.#carryOut(name, this.#peers[name].joined([], this.#clock.now()));
    }
    this.#clock.setTimer(askAt, () => this.#say("a", { type: "sync", with: "b".padEnd(16, "-") }));
    this.#clock.advance(10_000);
    return this.#starts;
  }

  #say(name: "a" | "b", message: ClientMessage): void {
    const input = { text: JSON.stringify(message) };
    const now = this.#clock.now();
    this.#carryOut(name, this.#peers[name].receive(input, { now, wallTime: 0 }));
  }

  #carryOut(name: "a" | "b", orders: readonly BoardOrder[]): void {
    const other = name === "a" ? "b" : "a";
    for (const order of orders) {
      if (order.do === "tell") {
        this.#clock.setTimer(this.#delays.between, () => {
          this.#carryOut(other, this.#peers[other].deliver(order.event, this.#clock.now()));
        });
      } else if (order.do === "send") {
        this.#clock.setTimer(this.#delays[name], () => this.#hear(name, order.message));
      }
    }
  }

  #hear(name: "a" | "b", message: Extract<BoardOrder, { do: "send" }>["message"]): void {
    if (message.type === "sync") this.#starts[name] = this.#clock.now() + message.delayMs;
    if (message.type !== "ping") return;
    const { id } = message;
    this.#clock.setTimer(this.#delays[name], () => this.#say(name, { type: "pong", id }));
  }
}

function peer(name: string): BoardPeer {
  return new BoardPeer({
    id: name.padEnd(16, "-"),
    room: "r",
    ip: "192.0.2.7",
    stun: [],
    tokens: () => undefined,
    now: 0,
  });
}
