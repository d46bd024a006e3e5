import { inTime } from "../client/mod.ts";
import type { Clock } from "../ops/mod.ts";
import {
  ConnectionError,
  type ResettableConnection,
  resolveHost,
  type SharedTcpPort,
} from "../transport/mod.ts";
import { type AddressFamily, socketAddress } from "../wire/mod.ts";
import {
  ANSWER_MS,
  type HolderLink,
  type LinkAnswer,
  type LinkFailure,
  UNANSWERED,
} from "./_mapping_holder.ts";

/** What an {@linkcode HttpAnchor} needs. */
export interface HttpAnchorOptions {
  /** The port that it is made from. */
  readonly port: SharedTcpPort;
  /** What to ask for, an `http:` URL. */
  readonly url: URL;
  /** The family of the port. */
  readonly family: AddressFamily;
  /** ms of silence after which TCP asks whether the other side is there; the system's if undefined. */
  readonly keepAliveMs: number | undefined;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/**
 * A connection to a web server that holds the mapping: one HEAD request now and then (RFC 9112), whose
 * answer is thrown away, whatever it says.
 */
export class HttpAnchor implements HolderLink {
  /** Resolves when the web server has ended it. */
  readonly ended: Promise<LinkFailure>;
  readonly #options: HttpAnchorOptions;
  readonly #stream: ResettableConnection;
  #answered: (() => void) | undefined;
  #end: LinkFailure | undefined;

  private constructor(stream: ResettableConnection, options: HttpAnchorOptions) {
    this.#options = options;
    this.#stream = stream;
    this.ended = this.#read();
  }

  /**
   * Connects.
   *
   * @throws {ResolveError} If the host has no address (as a rejection).
   * @throws {ConnectionError} If no connection comes about (as a rejection).
   */
  static async connect(options: HttpAnchorOptions): Promise<HttpAnchor> {
    const { port, url, family, keepAliveMs, clock, signal } = options;
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const stream = await inTime({ timeoutMs: CONNECT_MS, clock, signal }, async (signal) => {
      const [ip] = await resolveHost(host, { family, signal });
      const address = socketAddress(ip!, url.port === "" ? 80 : Number(url.port));
      return await port.connect(address, { keepAliveMs, signal });
    });
    return new HttpAnchor(stream, options);
  }

  /** Sends a request, and waits for the end of the answer's head, which is all that there is of it. */
  async ask(): Promise<LinkAnswer> {
    const { url, clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<LinkAnswer>();
    const cancel = clock.setTimer(ANSWER_MS, () => {
      resolve({ kind: "failed", failure: { reason: UNANSWERED, code: "timed-out" } });
    });
    this.#answered = () => resolve(this.#end ? { kind: "ended" } : { kind: "answered" });
    const request = `HEAD ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n` +
      "Connection: keep-alive\r\n\r\n";
    try {
      await this.#stream.write(new TextEncoder().encode(request));
    } catch (error) {
      // The reader meets it too, and ends the link
      if (!(error instanceof ConnectionError)) throw error;
    }
    if (this.#end !== undefined) this.#answered();
    const answer = await promise;
    cancel();
    return answer;
  }

  /** Resets the connection. */
  close(): void {
    this.#stream.reset();
  }

  /** Reads and forgets, but for how long the head is and where it ends. */
  async #read(): Promise<LinkFailure> {
    const failure = await this.#readHeads();
    this.#end = failure;
    this.#answered?.();
    return failure;
  }

  async #readHeads(): Promise<LinkFailure> {
    let matched = 0;
    let length = 0;
    try {
      for (;;) {
        const chunk = await this.#stream.read();
        if (chunk === undefined) {
          return { reason: "the web server closed the connection", code: "no-server" };
        }
        for (const byte of chunk) {
          matched = byte === END[matched] ? matched + 1 : byte === END[0] ? 1 : 0;
          if (++length > MAX_HEAD_BYTES) {
            return { reason: "the web server's answer has no end", code: "bad-response" };
          }
          if (matched < END.length) continue;
          matched = length = 0;
          this.#answered?.();
        }
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      return { reason: error.message, code: "no-server" };
    }
  }
}

/** The empty line at the end of a head. */
const END = new TextEncoder().encode("\r\n\r\n");

/** What web servers themselves take of a request's head at most, as a rule; answers have less. */
const MAX_HEAD_BYTES = 16_384;

/** As for a STUN server, with the name to be looked up before. */
const CONNECT_MS = 10_000;
