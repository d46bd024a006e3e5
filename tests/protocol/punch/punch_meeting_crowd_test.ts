// Many peers in one room, whose messages take their time: who meets whom, whatever the order.

import { assert, assertEquals } from "@std/assert";
import type { BoardPost, ServerMessage } from "../../../lib/protocol/board/mod.ts";
import {
  PunchMeeting,
  type PunchMeetingNews,
  type PunchMeetingOrder,
  readPunchSignal,
} from "../../../lib/protocol/punch/mod.ts";
import { SimRandom } from "../../sim/mod.ts";
import { punchDescription } from "./punch_description_cases.ts";

for (const peers of [2, 3, 4, 7, 12]) {
  Deno.test(`PunchMeeting pairs all of ${peers} peers but the odd one, in 200 orders`, () => {
    for (let seed = 1; seed <= 200; seed++) {
      const crowd = new Crowd(new SimRandom(seed));
      for (let i = 0; i < peers; i++) crowd.enter();
      crowd.run(60_000);
      const what = `seed ${seed}`;
      crowd.checkPairs(what);
      assertEquals(crowd.metCount, peers - peers % 2, what);
      assertEquals(crowd.failures, 0, what);
    }
  });
}

Deno.test("PunchMeeting gives nobody two partners while peers come and go, in 200 orders", () => {
  let failures = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SimRandom(seed);
    const crowd = new Crowd(random);
    for (let i = 0; i < 10; i++) {
      const peer = crowd.enter();
      if (random.chance(0.5)) crowd.leave(peer, random.integer(0, 3_000));
    }
    crowd.run(60_000);
    crowd.checkPairs(`seed ${seed}`);
    failures += crowd.failures;
  }
  // Some left when they had the other's codes; without that this would prove less
  assert(failures > 0);
});

/** A board in virtual time: each message takes 0 to 400 ms, and none overtakes another of its pair. */
class Crowd {
  failures = 0;
  readonly #random: SimRandom;
  readonly #peers = new Map<string, Peer>();
  readonly #posts = new Map<string, BoardPost>();
  readonly #lastBetween = new Map<string, number>();
  #events: { at: number; act: (now: number) => void }[] = [];

  constructor(random: SimRandom) {
    this.#random = random;
  }

  get metCount(): number {
    return [...this.#peers.values()].filter(({ started }) => started).length;
  }

  enter(): string {
    const name = this.#random.bytes(8).toHex();
    const meeting = new PunchMeeting([punchDescription({ usernameFragment: name })]);
    const peer: Peer = { name, meeting, isThere: true, metWith: [], heardFrom: [], started: false };
    this.#at(this.#random.integer(0, 3_000), (now) => {
      this.#peers.set(name, peer);
      meeting.joined(name);
      this.#tell("board", name, () => ({ type: "board", posts: [...this.#posts.values()] }), now);
    });
    return name;
  }

  leave(name: string, ms: number): void {
    this.#at(3_000 + ms, (now) => {
      const peer = this.#peers.get(name)!;
      peer.isThere = false;
      this.#carryOut(peer, peer.meeting.left(now), now);
      this.#remove(name, now);
    });
  }

  run(until: number): void {
    for (;;) {
      const wakes = [...this.#peers.values()].filter(({ isThere }) => isThere)
        .map((peer) => ({
          at: peer.meeting.nextWake,
          act: (now: number) => this.#carryOut(peer, peer.meeting.wake(now), now),
        }));
      const [next] = [...this.#events, ...wakes].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > until) return;
      this.#events = this.#events.filter((one) => one !== next);
      next.act(next.at);
    }
  }

  /** Nobody has met two, has heard from anybody else, or starts with who does not start with it. */
  checkPairs(what: string): void {
    for (const { name, metWith, heardFrom, started } of this.#peers.values()) {
      assert(metWith.length <= 1, what);
      for (const other of heardFrom) assertEquals(metWith, [other], what);
      if (!started) continue;
      assertEquals(this.#peers.get(metWith[0]!)!.metWith, [name], what);
    }
  }

  #carryOut(peer: Peer, orders: readonly PunchMeetingOrder[], now: number): void {
    for (const order of orders) {
      if (order.do === "tell") this.#note(peer, order.news);
      if (!peer.isThere) continue;
      switch (order.do) {
        case "post": {
          const { id, data } = order.post;
          const post = { peer: peer.name, id, candidates: [], data, expiresInMs: 60_000 };
          this.#posts.set(peer.name, post);
          this.#tellAll({ type: "posted", post }, now);
          break;
        }
        case "remove":
          this.#remove(peer.name, now);
          break;
        case "signal":
          this.#signal(peer.name, order, now);
          break;
        case "sync":
          for (const [to, other] of [[peer.name, order.with], [order.with, peer.name]] as const) {
            this.#tell(peer.name, to, () => ({ type: "sync", with: other, delayMs: 200 }), now);
          }
      }
    }
  }

  #note(peer: Peer, news: PunchMeetingNews): void {
    switch (news.kind) {
      case "met":
        peer.metWith.push(news.peer);
        break;
      case "exchanged":
        peer.heardFrom.push(...news.descriptions.map((one) => one.usernameFragment));
        break;
      case "start":
        peer.started = true;
        break;
      case "failed":
        this.failures++;
    }
  }

  #signal(from: string, { to, data }: { to: string; data: string }, now: number): void {
    if (readPunchSignal(data)?.punch === "codes") {
      // What this side has not agreed on with that one, it must not tell it
      const { metWith } = this.#peers.get(from)!;
      assert(metWith.length === 0 || metWith.at(-1) === to);
    }
    if (this.#peers.get(to)?.isThere === true) {
      return this.#tell(from, to, () => ({ type: "signal", from, data }), now);
    }
    const error = { type: "error", code: "no_such_peer", message: "", about: "signal" } as const;
    this.#tell("board", from, () => error, now);
  }

  #remove(name: string, now: number): void {
    if (!this.#posts.delete(name)) return;
    this.#tellAll({ type: "removed", peer: name, id: "punch" }, now);
  }

  #tellAll(message: ServerMessage, now: number): void {
    for (const name of this.#peers.keys()) this.#tell("board", name, () => message, now);
  }

  #tell(from: string, to: string, message: () => ServerMessage, now: number): void {
    const pair = `${from} ${to}`;
    const at = Math.max(now + this.#random.integer(0, 400), this.#lastBetween.get(pair) ?? 0);
    this.#lastBetween.set(pair, at);
    this.#at(at, (now) => {
      const peer = this.#peers.get(to)!;
      if (peer.isThere) this.#carryOut(peer, peer.meeting.hear(message(), now), now);
    });
  }

  #at(at: number, act: (now: number) => void): void {
    this.#events.push({ at, act });
  }
}

interface Peer {
  readonly name: string;
  readonly meeting: PunchMeeting;
  isThere: boolean;
  readonly metWith: string[];
  /** Whose descriptions have come. */
  readonly heardFrom: string[];
  started: boolean;
}
