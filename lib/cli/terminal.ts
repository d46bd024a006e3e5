/** Writes a line to standard output: what was asked for. */
export function writeOut(text: string): void {
  write(Deno.stdout, `${text}\n`);
}

/** Writes a line to standard error: progress and complaints. */
export function writeErr(text: string): void {
  write(Deno.stderr, `${text}\n`);
}

/** Says what is wrong with a command line. Returns the exit code for that, 2. */
export function complain(problems: readonly string[]): number {
  for (const problem of problems) writeErr(`error: ${problem}`);
  writeErr("Run with --help to see what there is.");
  return 2;
}

/** The text of a file, or why it cannot be read, in one line. Never prompts for a permission. */
export function readFile(
  name: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string } {
  if (Deno.permissions.querySync({ name: "read", path: name }).state !== "granted") {
    return { ok: false, problem: `Cannot read ${name}: pass --allow-read=${name}` };
  }
  try {
    return { ok: true, text: Deno.readTextFileSync(name) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, problem: `Cannot read ${name}: ${reason}` };
  }
}

/** One line on standard error that says what is going on, where that is a terminal. */
export class Progress {
  readonly #shows = Deno.stderr.isTerminal();

  /** Shows a line in place of the last one. */
  show(text: string): void {
    if (this.#shows) write(Deno.stderr, `\r\x1b[K${text} …`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shows) write(Deno.stderr, "\r\x1b[K");
  }
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
