/// <reference lib="dom" />
import type { BoardPost } from "../../protocol/board/mod.ts";
import { BoardClient, type BoardClientEvent } from "../client/mod.ts";
import { BoardClientError } from "../client/mod.ts";
import { probeAddresses } from "./address_probe.ts";
import { byId, say, textElement } from "./elements.ts";
import { readLinkSignal } from "./peer_link.ts";
import { TalkView } from "./talk_view.ts";

/** The part of the page that shows a room, and who is there. */
export class RoomView {
  readonly #form = byId("join", HTMLFormElement);
  readonly #room = byId("room", HTMLInputElement);
  readonly #name = byId("name", HTMLInputElement);
  readonly #secret = byId("secret", HTMLInputElement);
  readonly #posts = new Map<string, BoardPost>();
  readonly #talk: TalkView;
  #board: BoardClient | undefined;

  /** Takes the part over; a room in the page's address is filled in. */
  constructor() {
    this.#talk = new TalkView({
      signal: (peer, signal) => this.#board?.signal(peer, JSON.stringify(signal)) ?? false,
      nameOf: (peer) => nameOf(this.#posts.get(peer)),
    });
    this.#room.value = decodeURIComponent(location.hash.slice(1));
    this.#name.value = `Guest ${100 + Math.floor(Math.random() * 900)}`;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#board === undefined) void this.#join();
      else this.#leave("You have left the room.");
    });
  }

  async #join(): Promise<void> {
    const room = this.#room.value;
    const secret = this.#secret.value;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const board = this.#board = new BoardClient(
      `${scheme}://${location.host}/board/${encodeURIComponent(room)}`,
      secret === "" ? {} : { secret },
    );
    // The room can be passed on; a secret stays out of addresses
    history.replaceState(null, "", `#${encodeURIComponent(room)}`);
    this.#showJoined(true);
    say("room-state", `Entering ${room} …`);
    try {
      for await (const event of board) this.#take(event, board);
    } catch (error) {
      if (!(error instanceof BoardClientError)) throw error;
      this.#leave(REFUSALS[error.code] ?? error.message, "problem");
    }
  }

  #leave(why: string, mood: "" | "problem" = ""): void {
    void this.#board?.close();
    this.#board = undefined;
    this.#posts.clear();
    this.#showPeers();
    this.#showJoined(false);
    say("room-state", why, mood);
  }

  #take(event: BoardClientEvent, board: BoardClient): void {
    if (board !== this.#board) return;
    switch (event.type) {
      case "welcome":
        this.#talk.own = event.peer;
        this.#talk.stun = event.stun.filter((uri) => uri.startsWith("stun:")).slice(0, 4);
        say("room-state", `You are in ${event.room}.`, "good");
        void this.#post(board, event.stun);
        return;
      case "board":
        this.#posts.clear();
        for (const post of event.posts) this.#keep(post);
        break;
      case "posted":
        this.#keep(event.post);
        break;
      case "removed":
      case "expired":
        if (event.id === POST_ID) this.#posts.delete(event.peer);
        break;
      case "signal": {
        const signal = readLinkSignal(event.data);
        if (signal !== undefined) this.#talk.receive(event.from, signal);
        return;
      }
      case "disconnected": {
        this.#posts.clear();
        const seconds = Math.ceil(event.retryInMs / 1000);
        say("room-state", `The server does not answer: next try in ${seconds} s.`, "problem");
        break;
      }
      case "error":
        say("room-state", `The board says: ${event.message}`, "problem");
        return;
      case "sync":
        return;
    }
    this.#showPeers();
  }

  /** Puts this browser on the board: by name at once, with its addresses as soon as they are known. */
  async #post(board: BoardClient, stun: readonly string[]): Promise<void> {
    const post = (addresses: readonly string[]) =>
      board.post({
        id: POST_ID,
        data: JSON.stringify({ name: this.#name.value }),
        candidates: addresses.slice(0, 8).map((address) => ({ address, transport: "udp" })),
        lifetimeMs: 3_600_000,
      });
    post([]);
    const { ipv4, ipv6 } = await probeAddresses(
      stun.filter((uri) => uri.startsWith("stun:")).slice(0, 4),
    );
    if (board === this.#board && ipv4.length + ipv6.length > 0) post([...ipv4, ...ipv6]);
  }

  #keep(post: BoardPost): void {
    // A peer of another program may call its post as it likes; one line for each is enough
    if (post.id === POST_ID || !this.#posts.has(post.peer)) this.#posts.set(post.peer, post);
  }

  #showPeers(): void {
    const own = this.#board?.peer;
    byId("peers").replaceChildren(
      ...[...this.#posts.values()].map((post) => this.#peerItem(post, post.peer === own)),
    );
  }

  #peerItem(post: BoardPost, isSelf: boolean): HTMLElement {
    const item = document.createElement("li");
    const who = document.createElement("div");
    who.className = "who";
    const name = nameOf(post);
    const addresses = post.candidates.map(({ address, transport, proved }) =>
      `${address} over ${transport.toUpperCase()}${proved ? ", proved" : ""}`
    );
    who.append(
      textElement("strong", "", isSelf ? `${name} (you)` : name),
      textElement("span", "where", addresses.join("; ") || "no address yet"),
    );
    item.append(who);
    // Only a page answers a call
    if (!isSelf && post.id === POST_ID) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Connect";
      button.setAttribute("aria-label", `Connect to ${name}`);
      button.addEventListener("click", () => this.#talk.call(post.peer));
      item.append(button);
    }
    return item;
  }

  #showJoined(joined: boolean): void {
    for (const input of [this.#room, this.#name, this.#secret]) input.disabled = joined;
    byId("join-button").textContent = joined ? "Leave" : "Join";
  }
}

/** What somebody calls himself in a post of a page; whatever another program posts is shown as it is. */
function nameOf(post: BoardPost | undefined): string {
  if (post === undefined) return "somebody";
  try {
    const { name } = JSON.parse(post.data) as { readonly name?: unknown };
    if (typeof name === "string" && name !== "") return name.slice(0, 40);
  } catch {
    // Not of a page
  }
  return post.data.slice(0, 40) || post.peer;
}

/** The name of a page's post. */
const POST_ID = "page";

const REFUSALS: Readonly<Record<string, string>> = {
  wrong_secret: "The room has another secret.",
};
