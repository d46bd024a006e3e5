/**
 * How long to wait before the next attempt after so many that failed in a row: 1 s, 2 s, 4 s … 60 s,
 * each between half of it and all, so that the many who lost the same server do not come back at once.
 *
 * @param failures How many attempts have failed in a row, 0 or more.
 * @param random Two random bytes.
 * @returns ms.
 */
export function redialDelayMs(failures: number, random: Uint8Array): number {
  const most = Math.min(FIRST_MS * 2 ** failures, MAX_MS);
  const share = ((random[0]! << 8) | random[1]!) / 65_536;
  return Math.round(most * (1 + share) / 2);
}

const FIRST_MS = 1_000;

/** A server that was away for a night is found again within a minute of its return. */
const MAX_MS = 60_000;
