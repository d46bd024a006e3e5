import { assertEquals } from "@std/assert";
import type { StreamConnection } from "../../lib/transport/mod.ts";

/** So many bytes, or fewer if the stream ends before. */
export async function readBytes(connection: StreamConnection, length: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < length) {
    const chunk = await connection.read();
    if (chunk === undefined) break;
    for (const byte of chunk) found.push(byte);
  }
  return found;
}

/** All bytes up to the end of the stream. */
export function readToEnd(connection: StreamConnection): Promise<number[]> {
  return readBytes(connection, Infinity);
}

/** Writes so many bytes of a pattern, told of in `onWritten`, and the end. */
export async function sendPattern(
  connection: StreamConnection,
  total: number,
  onWritten: (bytes: number) => void = () => {},
): Promise<void> {
  for (let at = 0; at < total;) {
    const chunk = PATTERN.subarray(at % PERIOD, at % PERIOD + Math.min(CHUNK_BYTES, total - at));
    await connection.write(chunk);
    at += chunk.length;
    onWritten(chunk.length);
  }
  await connection.closeWrite();
}

/** Asserts that exactly what {@linkcode sendPattern} writes comes, calling `onRead` for each piece. */
export async function receivePattern(
  connection: StreamConnection,
  total: number,
  onRead: (bytes: number) => void | Promise<void> = () => {},
): Promise<void> {
  let at = 0;
  for (let chunk = await connection.read(); chunk; chunk = await connection.read()) {
    let wrong = 0;
    for (let i = 0, phase = at % PERIOD; i < chunk.length; i++) {
      if (chunk[i] !== phase) wrong++;
      if (++phase === PERIOD) phase = 0;
    }
    assertEquals(wrong, 0, `${wrong} wrong bytes after ${at}`);
    at += chunk.length;
    await onRead(chunk.length);
  }
  assertEquals(at, total);
}

/** A prime, so that no buffer's size hides a piece that is lost. */
const PERIOD = 251;
const CHUNK_BYTES = 65_536;
const PATTERN = Uint8Array.from({ length: CHUNK_BYTES + PERIOD }, (_, i) => i % PERIOD);
