import type { Clock } from "../ops/mod.ts";
import type { NoticeOutcome } from "./change_hook.ts";

/** How {@linkcode postWebhook} posts. */
export interface PostWebhookOptions {
  /** Where to; `http:` or `https:`. */
  readonly url: string;
  /** Tells the time. */
  readonly clock: Clock;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** Why nothing can be posted to a URL; undefined if it can. Never prompts for a permission. */
export function whyNoWebhook(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return `Cannot read --webhook: got ${JSON.stringify(text)}, wanted an http: or https: URL`;
  }
  const { state } = Deno.permissions.querySync({ name: "net", host: url.host });
  return state === "granted" ? undefined : `Cannot use --webhook: pass --allow-net=${url.host}`;
}

/**
 * Posts JSON, up to three times, 1 s and 4 s apart, 10 s each: again when nobody answers, or with a
 * status that may pass (429, 5xx). Redirections are not followed. Never rejects.
 */
export async function postWebhook(
  body: Readonly<Record<string, unknown>>,
  options: PostWebhookOptions,
): Promise<NoticeOutcome> {
  for (let attempt = 0;; attempt++) {
    const { again, ...outcome } = await post(JSON.stringify(body), options);
    const delayMs = RETRY_DELAYS_MS[attempt];
    if (!again || delayMs === undefined) return outcome;
    await pause(delayMs, options);
  }
}

async function post(
  body: string,
  { url, clock, signal }: PostWebhookOptions,
): Promise<NoticeOutcome & { readonly again: boolean }> {
  const late = new AbortController();
  const cancel = clock.setTimer(ATTEMPT_TIMEOUT_MS, () => late.abort());
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, late.signal]),
    });
    await response.body?.cancel();
    const again = response.status === 429 || response.status >= 500;
    return { ok: response.ok, detail: `status ${response.status}`, again };
  } catch (error) {
    if (signal.aborted) return { ok: false, detail: "given up", again: false };
    if (late.signal.aborted) return { ok: false, detail: "no answer in time", again: true };
    // What went wrong is in the cause of a failed fetch
    const { cause = error } = error as { readonly cause?: unknown };
    const detail = cause instanceof Error ? cause.message : String(cause);
    return { ok: false, detail, again: true };
  } finally {
    cancel();
  }
}

/** Waits, or until nobody wants it any more. */
async function pause(ms: number, { clock, signal }: PostWebhookOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.setTimer(ms, resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
  cancel();
}

/** A receiver that restarts is back by then; one that is down for longer learns of the next change. */
const RETRY_DELAYS_MS = [1_000, 4_000];

const ATTEMPT_TIMEOUT_MS = 10_000;
