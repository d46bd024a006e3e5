/** What a nonce or an address token turned out to be. */
export type CodeVerdict = "valid" | "expired" | "forged";

/** What the servers that accept each other's nonces or tokens have in common. */
export interface CodeAuthorityOptions {
  /** The key, at least 16 random bytes, the same on every server that is to accept the code. */
  readonly secret: Uint8Array;
  /** How long a code is valid, in milliseconds: 1,000 to 86,400,000 (a day). */
  readonly lifetimeMs: number;
}

/**
 * Checks the secret and the lifetime of an authority; `attempt` begins the error message.
 *
 * @throws {RangeError} If the secret is below 16 bytes or the lifetime is not 1 s to 1 day.
 */
export function checkCodeAuthorityOptions(attempt: string, options: CodeAuthorityOptions): void {
  const { secret, lifetimeMs } = options;
  if (secret.length < MIN_SECRET_BYTES) {
    throw new RangeError(
      `${attempt}: the secret has ${secret.length} bytes, wanted at least ${MIN_SECRET_BYTES}`,
    );
  }
  if (!(lifetimeMs >= 1000 && lifetimeMs <= 86_400_000)) {
    throw new RangeError(`${attempt}: the lifetime is ${lifetimeMs} ms, wanted 1000 to 86400000`);
  }
}

/**
 * How much longer than its lifetime a code is accepted, in milliseconds: the clock of the server that
 * checks may be this far ahead of the clock of the one that issued, and no client notices.
 */
export const CLOCK_TOLERANCE_MS = 5000;

/** 128 bits: whoever holds one code can try keys at home, and shall not find this one. */
const MIN_SECRET_BYTES = 16;
