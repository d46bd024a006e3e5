/** How to start a child process. */
export interface ChildOptions {
  /** Variables to add to the environment. */
  readonly env?: Record<string, string>;
  /** The working directory. */
  readonly cwd?: string;
  /** Whether it can be written to; else its standard input is empty. @default {"null"} */
  readonly stdin?: "piped" | "null";
}

/** What a program that ran to its end left behind. */
export interface RunResult {
  /** The exit code; 128 plus the signal's number if a signal ended it. */
  readonly code: number;
  /** Everything that it wrote to standard output. */
  readonly stdout: string;
  /** Everything that it wrote to standard error. */
  readonly stderr: string;
}

/**
 * A child process whose lines can be awaited. `await using` ends it with the block, so that no test
 * leaves a process behind, whatever it throws.
 */
export class Child implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #command: string;
  readonly #stdout: LineLog;
  readonly #stderr: LineLog;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;

  /** Starts `command`. */
  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#command = [command, ...args].join(" ");
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...options,
    }).spawn();
    this.#stdout = new LineLog(this.#child.stdout);
    this.#stderr = new LineLog(this.#child.stderr);
    this.#stdin = options.stdin === "piped" ? this.#child.stdin.getWriter() : undefined;
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended, once it has. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** Everything that it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout.text;
  }

  /** Everything that it has written to standard error so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /**
   * The first line, written already or yet to come, that matches.
   *
   * @throws {Error} If the child ends, or `timeoutMs` (default 10 s) pass, without such a line.
   */
  async line(
    pattern: RegExp,
    { stream = "stdout", timeoutMs = 10_000 }: LineOptions = {},
  ): Promise<RegExpMatchArray> {
    const log = stream === "stdout" ? this.#stdout : this.#stderr;
    let match: RegExpMatchArray | null = null;
    const outcome = await log.until((line) => (match = line.match(pattern)) !== null, timeoutMs);
    if (match === null) {
      throw new Error(
        `Cannot find ${pattern} in the ${stream} of ${this.#command}: ${outcome}\n` +
          `stdout: ${this.stdout}\nstderr: ${this.stderr}`,
      );
    }
    return match;
  }

  /**
   * Writes to its standard input, which `stdin: "piped"` has opened.
   *
   * @throws {TypeError} If it cannot be written to, or not any more (as a rejection).
   */
  async write(text: string): Promise<void> {
    if (this.#stdin === undefined) throw new TypeError("Cannot write: stdin is not piped");
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input; does nothing if it has none any more. */
  async endInput(): Promise<void> {
    await this.#stdin?.close().catch(() => {});
  }

  /** Sends a signal; does nothing if the child has ended. */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Asks it to end, insists after five seconds, and waits until it has and its pipes are read. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<RunResult> {
    this.kill(signal);
    return await this.result(5_000);
  }

  /** Waits until it ends by itself; kills it after `timeoutMs`. */
  async result(timeoutMs: number): Promise<RunResult> {
    const timer = setTimeout(() => this.kill("SIGKILL"), timeoutMs);
    try {
      const { code } = await this.#child.status;
      await this.endInput();
      await Promise.all([this.#stdout.ended, this.#stderr.ended]);
      return { code, stdout: this.stdout, stderr: this.stderr };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Where {@linkcode Child.line} looks, and for how long. */
export interface LineOptions {
  /** @default "stdout" */
  readonly stream?: "stdout" | "stderr";
  /** @default 10_000 */
  readonly timeoutMs?: number;
}

/** Runs a program to its end, killing it after `timeoutMs` (default 30 s). */
export async function run(
  command: string,
  args: readonly string[],
  { timeoutMs = 30_000, ...options }: ChildOptions & { readonly timeoutMs?: number } = {},
): Promise<RunResult> {
  await using child = new Child(command, args, options);
  return await child.result(timeoutMs);
}

/** Runs Deno itself, the very binary that runs this test. */
export function deno(args: readonly string[], options: ChildOptions = {}): Child {
  return new Child(Deno.execPath(), args, {
    ...options,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
  });
}

/** The lines of a stream, kept, with somebody waiting for one of them. */
class LineLog {
  text = "";
  readonly ended: Promise<void>;
  #done = false;
  #notify: (() => void)[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  async until(
    accept: (line: string) => boolean,
    timeoutMs: number,
  ): Promise<"found" | "timed out" | "it ended"> {
    const deadline = performance.now() + timeoutMs;
    let seen = 0;
    while (true) {
      const lines = this.text.split("\n");
      // The last piece is a line only once its newline, or the end of the stream, has come.
      const complete = this.#done ? lines.length : lines.length - 1;
      for (; seen < complete; seen++) if (accept(lines[seen]!)) return "found";
      if (this.#done) return "it ended";
      const left = deadline - performance.now();
      if (left <= 0) return "timed out";
      await this.#change(left);
    }
  }

  async #change(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#notify.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      this.text += decoder.decode(piece, { stream: true });
      this.#wake();
    }
    this.#done = true;
    this.#wake();
  }

  #wake(): void {
    for (const notify of this.#notify.splice(0)) notify();
  }
}
