// What the test of the board client puts into a page: `deno bundle` makes one script of it.

import { BoardClient } from "../../lib/board/client/mod.ts";

/** Two peers in one room: the first one hears the post of the second, and its signal. */
async function meet(url: string): Promise<string[]> {
  await using alice = new BoardClient(url, { secret: "öffne dich" });
  await using bob = new BoardClient(url, { secret: "öffne dich" });
  bob.post({ id: "me", data: "hello from a page" });
  const heard: string[] = [];
  for await (const event of alice) {
    if (event.type === "posted" || (event.type === "board" && event.posts.length > 0)) {
      const post = event.type === "posted" ? event.post : event.posts[0]!;
      heard.push(post.data);
      bob.signal(alice.peer!, "hello from a peer");
    }
    if (event.type === "signal") {
      heard.push(event.data);
      break;
    }
  }
  return heard;
}

Object.assign(globalThis, { meet });
