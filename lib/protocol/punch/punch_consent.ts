/**
 * Consent freshness (RFC 7675 section 5.1): whether the other side still wants what is sent to it. It
 * says so by answering a check every 5 s or so; who has not answered for 30 s does not, or is gone.
 */
export class PunchConsent {
  #nextCheck: number;
  #expires: number;

  /** Begins with consent just given; `chance` is 0 to 1 and keeps many punches out of step. */
  constructor({ now, chance }: { readonly now: number; readonly chance: number }) {
    this.#nextCheck = now + interval(chance);
    this.#expires = now + CONSENT_MS;
  }

  /** When something is due, in ms. */
  get nextWake(): number {
    return Math.min(this.#nextCheck, this.#expires);
  }

  /** Whether it has run out. */
  isExpired(now: number): boolean {
    return now >= this.#expires;
  }

  /** Whether a check is to be sent now. */
  isCheckDue(now: number): boolean {
    return now >= this.#nextCheck;
  }

  /** A check is sent; `chance` (0 to 1) says when the next one will be. */
  checked(now: number, chance: number): void {
    this.#nextCheck = now + interval(chance);
  }

  /** A check was answered. */
  renew(now: number): void {
    this.#expires = now + CONSENT_MS;
  }
}

function interval(chance: number): number {
  return CHECK_MS * (0.8 + 0.4 * chance);
}

const CHECK_MS = 5_000;
const CONSENT_MS = 30_000;
