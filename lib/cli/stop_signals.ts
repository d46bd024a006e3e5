/** Ctrl-C and the request to end, as an `AbortSignal`, until it is disposed of. */
export class StopSignals implements Disposable {
  /** Aborted when the process is to end; its reason is the signal's name. */
  readonly signal: AbortSignal;
  readonly #handlers: readonly (readonly [Deno.Signal, () => void])[];

  /** Begins to catch them. */
  constructor() {
    const stop = new AbortController();
    this.signal = stop.signal;
    const names: readonly Deno.Signal[] = Deno.build.os === "windows"
      ? ["SIGINT", "SIGBREAK"]
      : ["SIGINT", "SIGTERM"];
    this.#handlers = names.map((name) => [name, () => stop.abort(name)]);
    for (const [name, handler] of this.#handlers) Deno.addSignalListener(name, handler);
  }

  /** Lets them end the process again. */
  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers) Deno.removeSignalListener(name, handler);
  }
}
