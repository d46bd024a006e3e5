// A worker that adopts the socket that it is lent, and says when it waits for datagrams.

import { adoptLentSocket } from "../../lib/transport/shared_datagrams.ts";
import type { LentSocket } from "../../lib/transport/mod.ts";

// The part of a worker's global scope that is used here: the compiler takes this file for a page's
const scope = self as unknown as {
  onmessage: (event: MessageEvent<LentSocket>) => unknown;
  postMessage(message: string): void;
};

scope.onmessage = ({ data }) => {
  const receiving = adoptLentSocket(data).receive();
  scope.postMessage("waiting");
  return receiving;
};
