import { QueryError } from "../client/mod.ts";
import { ConnectionError, ListenError, LocalPortError, ResolveError } from "../transport/mod.ts";
import type { LinkFailure } from "./_mapping_holder.ts";
import { PublicListenerError } from "./public_listener_error.ts";

/** Makes sense of why no link to a server came about; throws what is none of that. */
export function diagnoseLink(error: unknown): LinkFailure {
  if (error instanceof LocalPortError) return { reason: error.message, code: "port-in-use" };
  if (error instanceof ConnectionError) {
    const code = error.code === "timed-out" ? "timed-out" : "no-server";
    return { reason: error.message, code };
  }
  if (error instanceof QueryError) {
    const code = error.code === "timed-out" ? "timed-out" : "bad-response";
    return { reason: error.message, code };
  }
  if (error instanceof ResolveError) return { reason: error.message, code: "no-server" };
  if (error instanceof ListenError) return { reason: error.message, code: portCode(error) };
  throw error;
}

/** Does something and has its errors be {@linkcode PublicListenerError}s, where they are not mistakes. */
export async function explaining<T>(
  signal: AbortSignal | undefined,
  attempt: () => Promise<T> | T,
): Promise<T> {
  if (signal?.aborted) throw abortedError(signal);
  try {
    return await attempt();
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    if (error instanceof ListenError) {
      throw new PublicListenerError(error.message, { code: portCode(error), cause: error });
    }
    if (error instanceof QueryError) {
      const late = error.code === "timed-out" || error.code === "aborted";
      const code = late ? "timed-out" : "no-server";
      throw new PublicListenerError(error.message, { code, cause: error });
    }
    throw error;
  }
}

function portCode({ code }: ListenError): "port-in-use" | "other" {
  return code === "address-in-use" || code === "address-not-available" ? "port-in-use" : "other";
}

/** What a caller gets who gave it up. */
export function abortedError(signal: AbortSignal): PublicListenerError {
  return new PublicListenerError(`${CANNOT}: it was given up`, {
    code: "aborted",
    cause: signal.reason,
  });
}

/** What is attempted, as it follows "Cannot" in messages. */
export const PURPOSE = "have a public address";

/** How all messages begin. */
export const CANNOT: string = `Cannot ${PURPOSE}`;
