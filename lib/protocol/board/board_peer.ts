import { formatSocketAddress, parseSocketAddress } from "../../wire/mod.ts";
import type { AddressTokenAuthority, AddressTokenTransport } from "../mod.ts";
import type { BoardEvent, JoinRefusal } from "./board_event.ts";
import { BOARD_LIMITS, BOARD_PATIENCE } from "./board_limits.ts";
import {
  BOARD_ERRORS,
  type BoardCloseReason,
  type BoardErrorCode,
  type BoardPost,
  type Candidate,
  type CandidateTransport,
  type ClaimedCandidate,
  type ClientMessage,
  type PostMessage,
} from "./board_message.ts";
import type { BoardOrder, StoreOrder, TellOrder } from "./board_order.ts";
import { PeerSyncs } from "./board_peer_syncs.ts";
import { messageTooLong, readClientMessage } from "./board_schema.ts";
import { TokenBucket } from "../mod.ts";

/** The two times that a decision about a peer may need. */
export interface BoardTime {
  /** ms of a clock that never goes back. */
  readonly now: number;
  /** ms since 1970, for tokens. */
  readonly wallTime: number;
}

/** What the board knows of a peer when it connects. */
export interface BoardPeerOptions {
  /** The name that it gets: 16 characters of base64url, of random bytes. */
  readonly id: string;
  /** The room that it wants to be in. */
  readonly room: string;
  /** The secret that it showed as a subprotocol. @default {undefined} it may come in `join` */
  readonly secret?: string | undefined;
  /** The IP address that it comes from. */
  readonly ip: string;
  /** The STUN URIs to tell it. */
  readonly stun: readonly string[];
  /** What checks the proof of candidates, at the time; where there is none nothing is proved. */
  readonly tokens: () => AddressTokenAuthority | undefined;
  /** ms of a clock that never goes back. */
  readonly now: number;
}

/** What has come from a peer: a text message, or something else. */
export type BoardInput =
  | { readonly text: string }
  | { readonly unreadable: "binary" | "too-long" };

/**
 * One peer's side of the board: what its messages, the store and the time mean for it. It decides;
 * whoever has the socket and the store carries the orders out, in their sequence, and says with
 * `joined()`, `refused()`, `missed()` or `unavailable()` what came of them.
 */
export class BoardPeer {
  readonly #options: BoardPeerOptions;
  readonly #messages = new TokenBucket({
    ratePerSecond: BOARD_LIMITS.messagesPerSecond,
    burst: BOARD_PATIENCE.messageBurst,
  });
  readonly #posting = new TokenBucket({
    ratePerSecond: BOARD_LIMITS.postsPerSecond,
    burst: BOARD_PATIENCE.postBurst,
  });
  readonly #errors = new TokenBucket({
    ratePerSecond: BOARD_PATIENCE.errorsPerSecond,
    burst: BOARD_PATIENCE.errorBurst,
  });
  readonly #syncs: PeerSyncs;
  /** The names of its own posts. */
  readonly #posts = new Set<string>();
  #state: "new" | "joining" | "in" | "closed" = "new";
  #heardAt: number;
  #pingAt = Infinity;
  #ping: { readonly id: string; readonly at: number } | undefined;
  #pings = 0;

  /** Makes one for a connection that has just been opened. */
  constructor(options: BoardPeerOptions) {
    this.#options = options;
    this.#syncs = new PeerSyncs(options.id);
    this.#heardAt = options.now;
  }

  /** When {@linkcode BoardPeer.wake} is to be called. */
  get nextWake(): number {
    if (this.#state === "closed") return Infinity;
    if (this.#state === "new") return this.#options.now + BOARD_PATIENCE.joinMs;
    return Math.min(this.#pingAt, this.#heardAt + BOARD_PATIENCE.silenceMs);
  }

  /** A message has come. */
  receive(input: BoardInput, time: BoardTime): BoardOrder[] {
    if (this.#state === "closed") return [];
    const { now } = time;
    this.#heardAt = now;
    if (!this.#messages.allow(now)) return this.#complain("too_many_messages", { now });
    const read = readInput(input);
    if (read.ok) return this.#act(read.value, time);
    const complaint = this.#complain(read.code, { now, ...read });
    // Whoever sends more than it may ever send does not speak this protocol
    return read.code === "message_too_long" ? this.#end("message_too_long", complaint) : complaint;
  }

  /** The store has something for this peer. */
  deliver(event: BoardEvent, now: number): BoardOrder[] {
    if (this.#state !== "in") return [];
    switch (event.type) {
      case "sync-ask":
        return this.#syncs.asked(event, now);
      case "sync-answer":
        return this.#syncs.answered(event, now);
      case "removed":
      case "expired":
        if (event.peer === this.#options.id) this.#posts.delete(event.id);
    }
    return [{ do: "send", message: event }];
  }

  /** The peer has been let in, and this is posted. */
  joined(posts: readonly BoardPost[], now: number): BoardOrder[] {
    if (this.#state !== "joining") return [];
    const { id, room, ip, stun } = this.#options;
    this.#state = "in";
    return [
      {
        do: "send",
        message: { type: "welcome", peer: id, room, ip, stun, limits: BOARD_LIMITS },
      },
      { do: "send", message: { type: "board", posts } },
      ...this.#sendPing(now),
    ];
  }

  /** The peer has not been let in, or the room is no longer its own. */
  refused(code: JoinRefusal): BoardOrder[] {
    if (this.#state === "closed") return [];
    return this.#end(code === "wrong_secret" ? code : "full", [
      errorOrder(code, { about: "join" }),
    ]);
  }

  /** The peer that was to be told something is not there. */
  missed({ event }: TellOrder): BoardOrder[] {
    // Who asked for a synchronised start and left gets no answer, and nobody misses it
    if (this.#state !== "in" || event.type === "sync-answer") return [];
    return [errorOrder("no_such_peer", { about: event.type === "signal" ? "signal" : "sync" })];
  }

  /** The store could not be asked. */
  unavailable(order: StoreOrder): BoardOrder[] {
    if (this.#state === "closed") return [];
    const about = ORDER_ABOUT[order.do];
    if (order.do === "join") {
      return this.#end("full", [errorOrder("store_unavailable", { about })]);
    }
    if (order.do === "put") this.#posts.delete(order.post.id);
    return [errorOrder("store_unavailable", about === undefined ? {} : { about })];
  }

  /** The time has come that was asked for. */
  wake(now: number): BoardOrder[] {
    if (this.#state === "closed" || now < this.nextWake) return [];
    if (this.#state === "new") return this.#end("silent", [errorOrder("join_timeout")]);
    if (now >= this.#heardAt + BOARD_PATIENCE.silenceMs) return this.#end("silent");
    return this.#sendPing(now);
  }

  /** The connection is no more. */
  close(): void {
    this.#state = "closed";
  }

  #act(message: ClientMessage, time: BoardTime): BoardOrder[] {
    const { now } = time;
    const { type } = message;
    if (type === "ping") return [{ do: "send", message: { type: "pong", id: message.id } }];
    if (type === "pong") return this.#measure(message.id, now);
    if (type === "join") return this.#join(message.secret, now);
    if (this.#state !== "in") return this.#complain("not_joined", { now, about: type });
    switch (type) {
      case "signal": {
        const event = { type, from: this.#options.id, data: message.data };
        return [{ do: "tell", to: message.to, event }];
      }
      case "sync":
        return this.#syncs.start(message.with, now);
    }
    if (!this.#posting.allow(now)) return this.#complain("too_many_messages", { now, about: type });
    switch (type) {
      case "board":
        return [{ do: "list" }];
      case "post":
        return this.#post(message, time);
      case "remove":
        return this.#posts.has(message.id)
          ? [{ do: "remove", id: message.id }]
          : this.#complain("no_such_post", { now, about: type });
    }
  }

  #join(secret: string | undefined, now: number): BoardOrder[] {
    if (this.#state !== "new") return this.#complain("joined_already", { now, about: "join" });
    this.#state = "joining";
    return [{ do: "join", secret: secret ?? this.#options.secret }];
  }

  #post(message: PostMessage, { now, wallTime }: BoardTime): BoardOrder[] {
    const { id, data, lifetimeMs } = message;
    if (!this.#posts.has(id) && this.#posts.size >= BOARD_LIMITS.maxPosts) {
      return this.#complain("too_many_posts", { now, about: "post" });
    }
    this.#posts.add(id);
    const { id: peer } = this.#options;
    const tokens = this.#options.tokens();
    const candidates = message.candidates.map((claim) => judge(claim, tokens, wallTime));
    return [{ do: "put", post: { peer, id, candidates, data, expiresInMs: lifetimeMs } }];
  }

  #sendPing(now: number): BoardOrder[] {
    const id = `${++this.#pings}`;
    this.#ping = { id, at: now };
    this.#pingAt = now + BOARD_PATIENCE.pingMs;
    return [{ do: "send", message: { type: "ping", id } }];
  }

  #measure(id: string, now: number): BoardOrder[] {
    // What was not asked, or was answered before, measures nothing
    if (this.#ping?.id !== id) return [];
    const orders = this.#syncs.measured(now - this.#ping.at, now);
    this.#ping = undefined;
    if (this.#syncs.roundTrip.count < BOARD_PATIENCE.firstPings) {
      this.#pingAt = now + BOARD_PATIENCE.firstPingMs;
    }
    return orders;
  }

  /** Says what is wrong, or ends it with somebody who does nothing right. */
  #complain(code: BoardErrorCode, options: Complaint & { readonly now: number }): BoardOrder[] {
    const orders = [errorOrder(code, options)];
    return this.#errors.allow(options.now) ? orders : this.#end("too_many_messages", orders);
  }

  #end(reason: BoardCloseReason, before: readonly BoardOrder[] = []): BoardOrder[] {
    this.#state = "closed";
    return [...before, { do: "close", reason }];
  }
}

interface Complaint {
  readonly reason?: string | undefined;
  readonly about?: string | undefined;
}

function readInput(input: BoardInput): ReturnType<typeof readClientMessage> {
  if ("text" in input) return readClientMessage(input.text);
  return input.unreadable === "too-long" ? messageTooLong() : {
    ok: false,
    code: "bad_message",
    reason: "Cannot read a message: it is binary, wanted text",
  };
}

function errorOrder(code: BoardErrorCode, { reason, about }: Complaint = {}): BoardOrder {
  const message = reason ?? BOARD_ERRORS[code];
  const said = about === undefined ? {} : { about };
  return { do: "send", message: { type: "error", code, message, ...said } };
}

/** A candidate as the others are to see it. */
function judge(
  { address, transport, token }: ClaimedCandidate,
  tokens: AddressTokenAuthority | undefined,
  wallTime: number,
): Candidate {
  const parsed = parseSocketAddress(address);
  if (!parsed.ok) throw new TypeError(`Cannot post ${address}: it was to be checked before`);
  const proved = token !== undefined && tokens !== undefined &&
    SEEN_OVER[transport].some((seen) => {
      const bytes = Uint8Array.fromBase64(token, { alphabet: "base64url" });
      return tokens.check(bytes, parsed.value, seen, wallTime) === "valid";
    });
  return { address: formatSocketAddress(parsed.value), transport, proved };
}

/** A mapping that TLS showed is a mapping of TCP. */
const SEEN_OVER: Readonly<Record<CandidateTransport, readonly AddressTokenTransport[]>> = {
  udp: ["udp"],
  tcp: ["tcp", "tls"],
};

/** The message that led to an order. */
const ORDER_ABOUT: Readonly<Record<StoreOrder["do"], string | undefined>> = {
  join: "join",
  put: "post",
  remove: "remove",
  list: "board",
  tell: undefined,
};
