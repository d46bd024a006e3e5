/// <reference lib="dom" />
import { byId, say, textElement } from "./elements.ts";
import { type LinkSignal, type LinkState, PeerLink } from "./peer_link.ts";

/** How a {@linkcode TalkView} reaches others. */
export interface TalkViewOptions {
  /** Gives a peer a signal; false if there is no way to it. */
  readonly signal: (peer: string, signal: LinkSignal) => boolean;
  /** What a peer calls itself. */
  readonly nameOf: (peer: string) => string;
}

/** The part of the page where one talks to one other browser at a time. */
export class TalkView {
  readonly #options: TalkViewOptions;
  readonly #message = byId("message", HTMLInputElement);
  #peer: string | undefined;
  #name = "";
  #link: PeerLink | undefined;
  #stun: readonly string[] = [];
  #own = "";
  #isOffering = false;

  /** Takes the part over. */
  constructor(options: TalkViewOptions) {
    this.#options = options;
    byId("say", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sayAloud();
    });
    // The other side is told at once, instead of finding out in half a minute
    addEventListener("pagehide", () => this.#link?.close());
  }

  /** The STUN URIs for connections from now on. */
  set stun(uris: readonly string[]) {
    this.#stun = uris;
  }

  /** Connects to a peer, in place of whom there was before. */
  call(peer: string): void {
    this.#begin(peer, true);
  }

  /** Takes what a peer signals. Whoever is in the room may call; a second caller is not heard. */
  receive(peer: string, signal: LinkSignal): void {
    const isOffer = "description" in signal && signal.description.type === "offer";
    if (this.#link !== undefined && this.#peer === peer) {
      // Both call at once: the offer of the smaller name counts, and its side goes on as it is
      const isGlare = isOffer && this.#isOffering && this.#own < peer;
      if (isGlare) return;
      if (!isOffer) return this.#link.receive(signal);
    } else if (this.#link !== undefined || !isOffer) return;
    this.#begin(peer, false);
    this.#link?.receive(signal);
  }

  /** What this browser is called in the room now. */
  set own(peer: string) {
    this.#own = peer;
  }

  #begin(peer: string, offers: boolean): void {
    this.#link?.close();
    this.#peer = peer;
    this.#name = this.#options.nameOf(peer);
    this.#isOffering = offers;
    this.#link = new PeerLink({
      stun: this.#stun,
      offers,
      send: (signal) => void this.#options.signal(peer, signal),
      onState: (state) => this.#show(state),
      onText: (text) => this.#write(this.#name, text),
    });
  }

  #show(state: LinkState): void {
    const isOver = state === "failed" || state === "closed";
    if (isOver) {
      this.#link = undefined;
      this.#peer = undefined;
    }
    const name = this.#name;
    const connected = state === "connected";
    this.#message.disabled = byId("say-button", HTMLButtonElement).disabled = !connected;
    if (connected) this.#message.focus();
    say(
      "link-state",
      {
        connecting: `Connecting to ${name} …`,
        connected: `Connected to ${name}, directly.`,
        interrupted: `${name} cannot be heard at the moment.`,
        failed: `No way to ${name} was found: one of the two NATs does not let it through.`,
        closed: `The connection to ${name} has ended.`,
      }[state],
      connected ? "good" : state === "failed" ? "problem" : "",
    );
  }

  #sayAloud(): void {
    const text = this.#message.value;
    if (text === "" || this.#link === undefined) return;
    this.#link.say(text);
    this.#write("You", text);
    this.#message.value = "";
  }

  #write(speaker: string, text: string): void {
    const log = byId("talk");
    const line = textElement("p", "", "");
    line.append(textElement("span", "speaker", `${speaker}: `), text);
    log.append(line);
    while (log.childElementCount > MAX_LINES) log.firstElementChild?.remove();
    log.scrollTop = log.scrollHeight;
  }
}

/** A peer that talks without end must not fill the memory. */
const MAX_LINES = 500;
