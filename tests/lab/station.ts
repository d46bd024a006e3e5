import type { LabHost } from "./lab_host.ts";

/** Where a packet came from, or goes. */
export interface Endpoint {
  /** A numeric address. */
  readonly ip: string;
  /** The port. */
  readonly port: number;
}

/** A datagram, as it arrived. */
export interface Datagram {
  /** Where it came from. */
  readonly from: Endpoint;
  /** What is in it. */
  readonly text: string;
}

/** A socket of a {@linkcode Station}. */
export interface StationSocket {
  /** What the station calls it. */
  readonly id: number;
  /** Its local port. */
  readonly port: number;
}

/** What a station can be asked for, and what it answers. */
export interface Operations {
  /** Opens a UDP socket; port 0 takes a free one. */
  bindUdp(options: Endpoint): StationSocket;
  /** Sends a datagram. */
  send(options: { readonly id: number; readonly to: Endpoint; readonly text: string }): null;
  /**
   * What arrived since the last time, once a datagram with the text `until` (without it: any
   * datagram) is there or the timeout is over.
   */
  receive(
    options: { readonly id: number; readonly until?: string; readonly timeoutMs: number },
  ): Datagram[];
  /** Connects over TCP from a local endpoint; answers a socket, or the error's code, or "TIMEOUT". */
  connect(
    options: { readonly local: Endpoint; readonly to: Endpoint; readonly timeoutMs: number },
  ): StationSocket | string;
  /** Listens for TCP. */
  listen(options: Endpoint): StationSocket;
  /** Who has connected to a listener so far, once they are so many or the timeout is over. */
  accepted(
    options: { readonly id: number; readonly count: number; readonly timeoutMs: number },
  ): Endpoint[];
  /** Writes into a connection; answers whether it was echoed within the timeout. */
  echo(options: { readonly id: number; readonly timeoutMs: number }): boolean;
  /** Closes a socket, a listener with all that it accepted. */
  close(options: { readonly id: number }): null;
}

/** What goes to a station, a line each. */
export interface StationRequest {
  /** Comes back in the answer. */
  readonly call: number;
  /** What is asked for. */
  readonly operation: keyof Operations;
  /** With what. */
  readonly options: unknown;
}

/** What comes from a station, a line each. */
export type StationAnswer =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: string };

/**
 * Plain sockets in a lab host, moved by the test: a program in the host's namespace that opens,
 * sends and tells what came. Its listeners echo. It knows nothing of STUN.
 */
export class Station implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<void>;
  #count = 0;

  /** Starts one. */
  constructor(host: LabHost) {
    const [command, args] = host.denoCommand([
      "--allow-net",
      new URL("./_station.ts", import.meta.url).pathname,
    ]);
    this.#child = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped" })
      .spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#ended = this.#read();
  }

  /**
   * Asks for an operation and waits for its answer.
   *
   * @throws {Error} If the station could not do it, with its reason.
   */
  async ask<Name extends keyof Operations>(
    operation: Name,
    options: Parameters<Operations[Name]>[0],
  ): Promise<ReturnType<Operations[Name]>> {
    const request: StationRequest = { call: ++this.#count, operation, options };
    const answer = Promise.withResolvers<unknown>();
    this.#calls.set(request.call, answer);
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    return await answer.promise as ReturnType<Operations[Name]>;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#ended;
    await this.#child.status;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const piece of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#settle(JSON.parse(line) as StationAnswer);
    }
    for (const { reject } of this.#calls.values()) reject(new Error("The station has ended"));
  }

  #settle(answer: StationAnswer): void {
    const waiting = this.#calls.get(answer.call);
    this.#calls.delete(answer.call);
    if ("error" in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.value);
  }
}
