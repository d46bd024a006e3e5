import { sourceKey } from "./source_key.ts";

/** How many may be in at a time. */
export interface SourceQuotaOptions {
  /** In all. */
  readonly total: number;
  /** Of one source: an IPv4 address or an IPv6 /64. */
  readonly perSource: number;
}

/** Counts who is in, in all and of each source, and says whether there is room for one more. */
export class SourceQuota {
  readonly #options: SourceQuotaOptions;
  readonly #perSource = new Map<string, number>();
  #total = 0;

  /** Makes one in which nobody is. */
  constructor(options: SourceQuotaOptions) {
    this.#options = options;
  }

  /** How many are in. */
  get total(): number {
    return this.#total;
  }

  /** Whether there is room for one more of this source; `ip` is 4 or 16 bytes, already unmapped. */
  hasRoom(ip: Uint8Array): boolean {
    const { total, perSource } = this.#options;
    return this.#total < total && (this.#perSource.get(sourceKey(ip)) ?? 0) < perSource;
  }

  /** Lets one in, be there room or not. Returns what lets it out again, which may be called twice. */
  enter(ip: Uint8Array): () => void {
    const key = sourceKey(ip);
    this.#total++;
    this.#perSource.set(key, (this.#perSource.get(key) ?? 0) + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#total--;
      const left = this.#perSource.get(key)! - 1;
      if (left > 0) this.#perSource.set(key, left);
      else this.#perSource.delete(key);
    };
  }
}
