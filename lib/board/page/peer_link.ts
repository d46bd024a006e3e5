/// <reference lib="dom" />

/** What two browsers say to each other through the board to connect. */
export type LinkSignal =
  | { readonly description: { readonly type: "offer" | "answer"; readonly sdp: string } }
  | { readonly candidate: RTCIceCandidateInit };

/** How a {@linkcode PeerLink} stands. */
export type LinkState = "connecting" | "connected" | "interrupted" | "failed" | "closed";

/** How a {@linkcode PeerLink} is made. */
export interface PeerLinkOptions {
  /** STUN URIs. */
  readonly stun: readonly string[];
  /** Whether this side offers; the other answers. */
  readonly offers: boolean;
  /** Gives the other side a signal. */
  readonly send: (signal: LinkSignal) => void;
  /** Told of each change. */
  readonly onState: (state: LinkState) => void;
  /** Told what the other side says. */
  readonly onText: (text: string) => void;
}

/** A data channel to one other browser. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #connection: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  readonly #timer: ReturnType<typeof setTimeout>;
  /** Candidates that came before the description that they belong to. */
  readonly #early: RTCIceCandidateInit[] = [];
  #state: LinkState = "connecting";
  #signals: Promise<void> = Promise.resolve();

  /** Begins to connect. */
  constructor(options: PeerLinkOptions) {
    this.#options = options;
    const connection = this.#connection = new RTCPeerConnection({
      iceServers: options.stun.map((urls) => ({ urls })),
    });
    // Negotiated beforehand, so that both sides make it alike and none has to wait for the other's
    this.#channel = connection.createDataChannel("talk", { negotiated: true, id: 0 });
    this.#channel.onopen = () => this.#become("connected");
    this.#channel.onclose = () => this.#become("closed");
    this.#channel.onmessage = ({ data }) => {
      if (typeof data === "string") options.onText(data.slice(0, MAX_TEXT));
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null) options.send({ candidate: candidate.toJSON() });
    };
    connection.onconnectionstatechange = () => this.#follow(connection.connectionState);
    this.#timer = setTimeout(() => {
      if (this.#state === "connecting") this.#become("failed");
    }, CONNECTING_MS);
    options.onState("connecting");
    if (options.offers) this.#inTurn(() => this.#describe());
  }

  /** Takes a signal of the other side. */
  receive(signal: LinkSignal): void {
    this.#inTurn(() => this.#take(signal));
  }

  /** Says something to the other side. Does nothing unless connected. */
  say(text: string): void {
    if (this.#channel.readyState === "open") this.#channel.send(text);
  }

  /** Ends it. */
  close(): void {
    this.#become("closed");
  }

  #follow(state: RTCPeerConnectionState): void {
    const wasConnected = this.#state === "connected" || this.#state === "interrupted";
    if (state === "failed") this.#become(wasConnected ? "closed" : "failed");
    if (state === "disconnected" && wasConnected) this.#become("interrupted");
    if (state === "connected" && wasConnected) this.#become("connected");
  }

  async #take(signal: LinkSignal): Promise<void> {
    const connection = this.#connection;
    if ("candidate" in signal) {
      if (connection.remoteDescription === null) {
        if (this.#early.length < MAX_EARLY) this.#early.push(signal.candidate);
        return;
      }
      return await this.#tryCandidate(signal.candidate);
    }
    await connection.setRemoteDescription(signal.description);
    for (const candidate of this.#early.splice(0)) await this.#tryCandidate(candidate);
    if (signal.description.type === "offer") await this.#describe();
  }

  /** One that cannot be used, or belongs to an attempt that is over, is a way less and no more. */
  async #tryCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    await this.#connection.addIceCandidate(candidate).catch(() => {});
  }

  async #describe(): Promise<void> {
    await this.#connection.setLocalDescription();
    const { type, sdp } = this.#connection.localDescription!;
    if (type === "offer" || type === "answer") {
      this.#options.send({ description: { type, sdp } });
    }
  }

  /** One signal after the other: what follows an offer must not overtake it. */
  #inTurn(step: () => Promise<void>): void {
    this.#signals = this.#signals.then(step).catch(() => this.#become("failed"));
  }

  #become(state: LinkState): void {
    if (this.#state === "closed" || this.#state === "failed" || this.#state === state) return;
    this.#state = state;
    if (state === "failed" || state === "closed") {
      clearTimeout(this.#timer);
      this.#connection.close();
    }
    this.#options.onState(state);
  }
}

/** Reads a signal from another peer, whatever that peer is. */
export function readLinkSignal(data: string): LinkSignal | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  if ("description" in value && typeof value.description === "object") {
    const { type, sdp } = (value.description ?? {}) as Record<string, unknown>;
    const known = (type === "offer" || type === "answer") && typeof sdp === "string";
    return known ? { description: { type, sdp } } : undefined;
  }
  if ("candidate" in value && typeof value.candidate === "object" && value.candidate !== null) {
    return { candidate: value.candidate };
  }
  return undefined;
}

/** ICE has tried everything by then (RFC 8445 appendix B.1: some 40 s at the very worst). */
const CONNECTING_MS = 30_000;

/** A side with many networks has some twenty candidates. */
const MAX_EARLY = 64;

/** What a person may say at once; a stranger may send more. */
const MAX_TEXT = 1000;
