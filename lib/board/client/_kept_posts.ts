import { BOARD_LIMITS, type BoardPost, type PostMessage } from "../../protocol/board/mod.ts";

/** What a client wants to be on the board, for as long as it lives, whatever becomes of connections. */
export class KeptPosts {
  readonly #posts = new Map<string, { readonly post: PostMessage; readonly expiresAt: number }>();

  /** Keeps a post, or keeps it in place of the one of the same name. */
  keep(post: PostMessage, now: number): void {
    this.#posts.set(post.id, { post, expiresAt: now + post.lifetimeMs });
  }

  /** Keeps it no longer. */
  forget(id: string): void {
    this.#posts.delete(id);
  }

  /** What is to be posted again, as the board shows only these posts of the client. */
  missing(shown: readonly BoardPost[], peer: string, now: number): PostMessage[] {
    const own = new Set(shown.filter((post) => post.peer === peer).map(({ id }) => id));
    return [...this.#posts.keys()].filter((id) => !own.has(id))
      .flatMap((id) => this.again(id, now) ?? []);
  }

  /** A post with the life that is left to it; undefined, and kept no longer, if that is over. */
  again(id: string, now: number): PostMessage | undefined {
    const kept = this.#posts.get(id);
    if (kept === undefined) return undefined;
    const lifetimeMs = Math.round(kept.expiresAt - now);
    if (lifetimeMs >= BOARD_LIMITS.minLifetimeMs) return { ...kept.post, lifetimeMs };
    this.#posts.delete(id);
  }
}
