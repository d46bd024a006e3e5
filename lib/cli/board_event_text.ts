import type { BoardClientEvent } from "../board/client/mod.ts";
import type { BoardPost } from "../protocol/board/mod.ts";

/** An event of the board as one object with stable keys, `event` first. */
export function boardEventJson(event: BoardClientEvent): Record<string, unknown> {
  if (event.type === "posted") return { event: "posted", ...event.post };
  const { type, ...rest } = event;
  return { event: type, ...rest };
}

/** An event of the board as lines for people; none for what says nothing to them. */
export function boardEventText(event: BoardClientEvent): string[] {
  switch (event.type) {
    case "welcome":
      return [`in ${event.room} as ${event.peer}, seen as ${event.ip}`];
    case "board":
      return event.posts.length === 0 ? ["nothing is posted"] : event.posts.map(postText);
    case "posted":
      return [postText(event.post)];
    case "removed":
    case "expired":
      return [`- ${event.peer} ${event.id} ${event.type}`];
    case "signal":
      return [`> ${event.from} says ${quoted(event.data)}`];
    case "sync":
      return [`! start with ${event.with} in ${Math.round(event.delayMs)} ms`];
    case "error":
      return [`error: ${quoted(event.message)} (${event.code})`];
    case "disconnected":
      return [`disconnected (${event.code}), next attempt in ${event.retryInMs} ms`];
  }
}

function postText({ peer, id, candidates, data, expiresInMs }: BoardPost): string {
  const addresses = candidates.map(({ transport, address, proved }) =>
    ` ${transport} ${address}${proved ? " (proved)" : ""}`
  );
  const said = data === "" ? "" : ` ${quoted(data)}`;
  return `+ ${peer} ${id}${addresses.join("")}${said}, ${Math.round(expiresInMs / 1000)} s left`;
}

/** What a stranger has written must not clear the screen or forge a line. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /\p{C}/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
