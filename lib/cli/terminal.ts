/** Writes a line to standard output: what was asked for. */
export function writeOut(text: string): void {
  write(Deno.stdout, `${text}\n`);
}

/** Writes a line to standard error: progress and complaints. */
export function writeErr(text: string): void {
  write(Deno.stderr, `${text}\n`);
}

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
