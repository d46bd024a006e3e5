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

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
